//! `--shard`: which share of the accounts this process works on, as the command line or the engine that started it says.

use crate::config::{Settings, ShardsFile};
use crate::error::{Error, Kind, Result};
use crate::model::shard::{MOST_SHARDS, Shard};
use clap::{Args, Subcommand, ValueHint};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// What an engine calls the number of one of its tasks, counted from 0: a Kubernetes Indexed Job, a StatefulSet's pod,
/// a Slurm array.
const INDEX_VARIABLES: [&str; 3] = ["JOB_COMPLETION_INDEX", "POD_INDEX", "SLURM_ARRAY_TASK_ID"];

/// Of a Slurm array: how many tasks it has, and the numbers of the first and the last.
const SLURM_VARIABLES: [&str; 3] = ["SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX"];

/// What can be said of the share of the accounts.
#[derive(Args, Clone, Debug, Default)]
pub struct ShardArguments {
    /// Work on one share of the accounts only: K of N, counted from 0; auto/N takes K from the engine
    ///
    /// Which accounts these are follows from their names, or from the file that `shards` in [accounts] names. Each shard
    /// needs a state of its own: write {shard} into `state`. `auto` reads JOB_COMPLETION_INDEX, POD_INDEX or
    /// SLURM_ARRAY_TASK_ID; alone, it takes N from the file of shards, or from a Slurm array that begins at 0.
    #[arg(long, global = true, value_name = "K/N", hide_short_help = true)]
    pub shard: Option<ShardWord>,

    /// How many shards run at one time, which share connections, bandwidth and rates out [default: all of them]
    #[arg(long, global = true, value_name = "P", requires = "shard", hide_short_help = true,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_SHARDS)))]
    pub at_once: Option<u32>,
}

#[derive(Args, Debug)]
pub struct ShardsArguments {
    /// How many shards to make
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_SHARDS)))]
    pub into: u32,
    /// The file to write [default: `shards` in [accounts]]; - is standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// How large accounts are, where no scan knows it: rows of a name and bytes, under the header name,bytes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub sizes: Option<PathBuf>,
    /// Distribute all accounts anew, also those that have a shard
    #[arg(long)]
    pub rebalance: bool,
}

#[derive(Args, Debug)]
pub struct StateArguments {
    #[command(subcommand)]
    pub command: StateCommand,
}

#[derive(Subcommand, Debug)]
pub enum StateCommand {
    /// Carry over what other states know of the accounts of this shard, after the shards were changed
    ///
    /// None of these states may be in use. What was carried over is removed there. It can be repeated; after a crash it
    /// picks up where it left off.
    Take {
        /// The state directories of other shards
        #[arg(value_name = "DIR", required = true, value_hint = ValueHint::DirPath)]
        directories: Vec<PathBuf>,
    },
}

/// `K/N`, `auto/N` or `auto`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShardWord {
    This(Shard),
    Auto { count: Option<u32> },
}

impl FromStr for ShardWord {
    type Err = String;

    fn from_str(word: &str) -> std::result::Result<Self, String> {
        let wrong =
            || format!("`K/N`, with K from 0 and below N, `auto/N` or `auto` is expected, and N up to {MOST_SHARDS}");
        let count = |text: &str| text.parse().ok().filter(|count| (1..=MOST_SHARDS).contains(count)).ok_or_else(wrong);
        match word.split_once('/') {
            None if word == "auto" => Ok(ShardWord::Auto { count: None }),
            Some(("auto", text)) => Ok(ShardWord::Auto { count: Some(count(text)?) }),
            Some((index, text)) => {
                let index = index.parse().map_err(|_| wrong())?;
                Shard::new(index, count(text)?).map(ShardWord::This).ok_or_else(wrong)
            }
            None => Err(wrong()),
        }
    }
}

impl fmt::Display for ShardWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ShardWord::This(shard) => shard.fmt(f),
            ShardWord::Auto { count: Some(count) } => write!(f, "auto/{count}"),
            ShardWord::Auto { count: None } => f.write_str("auto"),
        }
    }
}

impl ShardArguments {
    /// With the number of the shard, where the engine that started us tells it: the next command is typed without one.
    pub fn settled(self) -> ShardArguments {
        let settle = |word| match word {
            ShardWord::Auto { count: Some(count) } => told_shard(count, &of_process).map_or(word, ShardWord::This),
            word => word,
        };
        ShardArguments { shard: self.shard.map(settle), ..self }
    }

    /// The settings of the shard that this run is for, if it is for one.
    ///
    /// # Errors
    /// `Settings`: as [`Settings::of_shard`] and [`Settings::of_all`]; an engine that does not tell the number.
    pub fn applied(&self, settings: Settings) -> Result<(Settings, Option<Shard>)> {
        let Some(word) = self.shard else { return Ok((settings.of_all()?, None)) };
        let shard = word.told(&settings, of_process)?;
        let at_once = self.at_once.unwrap_or(shard.count());
        Ok((settings.of_shard(shard, at_once)?, Some(shard)))
    }
}

impl ShardWord {
    /// The shard, where need be with what the engine says in its variables.
    fn told(self, settings: &Settings, variable: impl Fn(&str) -> Option<String>) -> Result<Shard> {
        let count = match self {
            ShardWord::This(shard) => return Ok(shard),
            ShardWord::Auto { count: Some(count) } => count,
            ShardWord::Auto { count: None } => told_count(settings, &variable)?,
        };
        told_shard(count, &variable)
    }
}

fn of_process(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

/// The shard of so many that the engine says.
fn told_shard(count: u32, variable: &impl Fn(&str) -> Option<String>) -> Result<Shard> {
    let number = |name: &'static str| Some((name, variable(name)?));
    let (name, index) = INDEX_VARIABLES.into_iter().find_map(number).ok_or_else(|| {
        let what = format!("no engine says which shard this is: {} are not set", INDEX_VARIABLES.join(", "));
        Error::new(Kind::Settings, what).hint("name it: --shard K/N")
    })?;
    index.parse().ok().and_then(|index| Shard::new(index, count)).ok_or_else(|| {
        let what = format!("{name} is `{index}`, and the shards of {count} are 0 to {}", count - 1);
        Error::new(Kind::Settings, what)
            .hint("let the array or the job begin at 0 and have as many tasks as there are shards")
    })
}

/// How many shards there are, where the command line does not say. A part of a Slurm array that runs again looks like a
/// whole one unless its numbers have a gap: whoever runs parts again says auto/N.
fn told_count(settings: &Settings, variable: &impl Fn(&str) -> Option<String>) -> Result<u32> {
    if let Some(file) = &settings.shards_file {
        return Ok(ShardsFile::read(file)?.count());
    }
    let [count, first, last] = SLURM_VARIABLES.map(|name| variable(name).and_then(|text| text.parse::<u32>().ok()));
    match (count, first, last) {
        (Some(count), Some(0), Some(last)) if count > 0 && last == count - 1 => Ok(count),
        _ => Err(Error::new(Kind::Settings, "nothing says how many shards there are").hint("write --shard auto/N")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(word: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let text = "[source]\nhost = \"a\"\nmaster_user = \"m\"\n[destination]\nhost = \"b\"\nmaster_user = \"m\"\n\
                    [[account]]\nsource_user = \"u\"\n";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("mailferry.toml");
        std::fs::write(&file, text).unwrap();
        let settings = Settings::from_file(&file).unwrap();
        let value =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let told = word.parse::<ShardWord>()?.told(&settings, value);
        told.map(|shard| shard.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn words_name_a_shard_that_there_is() {
        assert_eq!(told("2/5", &[]), Ok("2/5".to_owned()));
        for wrong in ["5/5", "1", "1/0", "-1/4", "auto/0", "auto/x", "", "0/100001"] {
            assert!(wrong.parse::<ShardWord>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn engines_tell_the_number() {
        assert_eq!(told("auto/5", &[("JOB_COMPLETION_INDEX", "3")]), Ok("3/5".to_owned()));
        assert_eq!(told("auto/5", &[("SLURM_ARRAY_TASK_ID", "0")]), Ok("0/5".to_owned()));
        let array = [
            ("SLURM_ARRAY_TASK_ID", "4"),
            ("SLURM_ARRAY_TASK_COUNT", "5"),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_MAX", "4"),
        ];
        assert_eq!(told("auto", &array), Ok("4/5".to_owned()));
        assert!(told("auto/5", &[]).unwrap_err().contains("no engine says"));
        assert!(told("auto/5", &[("JOB_COMPLETION_INDEX", "5")]).unwrap_err().contains("0 to 4"));
    }

    #[test]
    fn part_of_an_array_is_not_taken_for_the_whole() {
        let part = [
            ("SLURM_ARRAY_TASK_ID", "4"),
            ("SLURM_ARRAY_TASK_COUNT", "2"),
            ("SLURM_ARRAY_TASK_MIN", "0"),
            ("SLURM_ARRAY_TASK_MAX", "4"),
        ];
        assert!(told("auto", &part).unwrap_err().contains("how many shards"));
    }
}
