//! 100,000 accounts in 64 shards: how evenly they are shared out, by size and by name, and what a shard costs. The shares are those of
//! the program; of the shards the heaviest, the middle one and the lightest are run, each as its process would be, and the time
//! of all follows from theirs. The mail is invented ([`super::synthetic`]): sizes as people have them, most small and some very large.

use std::fs;
use std::path::{Path, PathBuf};

use mailferry::config::ShardsFile;
use mailferry::model::shard::Shard;

use super::encrypted::Door;
use super::launch::{Invocation, Usage};
use super::random::Random;
use super::scaling::grouped;
use super::settings::Settings;
use super::spread::Spread;
use super::support::server::User;
use super::synthetic::{Shape, Synthetic};
use super::table::{mebibytes, shown};
use super::tools::{self, Task, Ways};

/// The name among the corpora.
pub const SHARDS: &str = "shards";

const ACCOUNTS: u64 = 100_000;
const INTO: u32 = 64;
const JOBS: usize = 16;
const OCTETS: u64 = 4_000;

/// Messages of an account: log-normal, with this median and deviation; the mean is half as much again.
const MEDIAN: f64 = 10.0;
const DEVIATION: f64 = 1.3;

/// A shard: its accounts, and the messages of all of them.
#[derive(Clone, Copy, Default)]
struct Load {
    accounts: u64,
    messages: u64,
}

/// Measures all, and writes two tables.
pub fn bench(settings: &Settings) {
    let accounts = ((ACCOUNTS as f64 * settings.scaling) as u64).max(u64::from(INTO));
    let mut random = Random::new(settings.seed);
    let messages = || (MEDIAN * (DEVIATION * random.normal()).exp()).round() as u64;
    let users: Vec<User> = std::iter::repeat_with(messages)
        .take(accounts as usize)
        .enumerate()
        .map(|(number, messages)| User::named(format!("user{number}-{messages}")))
        .collect();
    let shape = Shape { mailboxes: 1, messages: 0, octets: OCTETS };
    let (source, destination) = (Synthetic::of_users(shape, messages_of), Synthetic::start(shape));
    let directory = tempfile::tempdir().expect("a directory for the states");
    let task = Task {
        users: &users,
        source: Door::in_clear_text(source.port()),
        destination: Door::in_clear_text(destination.port()),
        directory: directory.path(),
        jobs: JOBS,
        destination_configuration: PathBuf::new(),
        ways: Ways::One,
    };
    let sync = sharded(&task);
    let run = |invocation: Invocation| {
        eprintln!("{SHARDS}, {accounts} accounts: {}", invocation.arguments.join(" "));
        tools::run(settings, &task, vec![invocation])
    };
    let into = ["shards", "--into", &INTO.to_string(), "--sizes", "sizes.csv"].map(str::to_owned);
    let assigned = run(Invocation { arguments: into.into(), ..sync(None) });
    let (by_size, by_name) = (loads(&users, by_file(directory.path())), loads(&users, by_name));
    println!("### {SHARDS}: {} accounts in {INTO} shards\n", grouped(accounts));
    println!("{}", balance([("by size", &by_size), ("by name", &by_name)]));
    let memory = mebibytes(assigned.memory_octets as f64);
    println!("`mailferry shards` took {} s and {memory}.\n", shown(assigned.wall_seconds));

    let mut order: Vec<usize> = (0..by_size.len()).collect();
    order.sort_by_key(|shard| std::cmp::Reverse((by_size[*shard].messages, by_size[*shard].accounts)));
    let sample = [("heaviest", order[0]), ("middle", order[order.len() / 2]), ("lightest", order[order.len() - 1])];
    println!("| shard | accounts | messages | first sync: wall | CPU | memory | again: wall | CPU | memory | result |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|--:|---|");
    let mut rates = Vec::new();
    for (what, shard) in sample {
        let before = destination.appended_octets().len() as u64;
        let [first, again] = [(); 2].map(|()| run(sync(Some(shard))));
        let arrived = destination.appended_octets().len() as u64 - before;
        let load = by_size[shard];
        rates.push(first.wall_seconds / load.messages.max(1) as f64);
        println!("| {what}: {shard} | {} | {} |", row(load, &first, &again), result(load, arrived, [&first, &again]));
    }
    let rate = Spread::of(rates.into_iter()).expect("some were run").median;
    let times = |loads: &[Load]| loads.iter().map(|load| load.messages as f64 * rate).fold(0.0, f64::max);
    let all: f64 = by_size.iter().map(|load| load.messages as f64 * rate).sum();
    println!(
        "\nAt this rate, each of the {INTO} alone on such a machine: {} s by size, {} s by name; one after the other: {} s.\n",
        shown(times(&by_size)),
        shown(times(&by_name)),
        shown(all)
    );
}

/// A run of that shard alone, or of none; the settings are those of all.
fn sharded(task: &Task) -> impl Fn(Option<usize>) -> Invocation + use<> {
    let whole = tools::mailferry(task);
    let file = task.directory.join("mailferry.toml");
    let text = fs::read_to_string(&file).expect("the settings");
    let text = text.replace("file = \"accounts.csv\"\n", "file = \"accounts.csv\"\nshards = \"shards.csv\"\n");
    // Each is run as if it were alone on its machine; what the servers grant is not what is measured.
    fs::write(file, format!("state = \"state-{{shard}}\"\n{text}")).expect("the settings");
    let sizes =
        task.users.iter().map(|user| format!("{},{}\n", user.name, u64::from(messages_of(&user.name)) * OCTETS));
    fs::write(task.directory.join("sizes.csv"), format!("name,bytes\n{}", sizes.collect::<String>()))
        .expect("the sizes");
    move |shard| {
        let words = shard
            .map(|shard| ["--shard".to_owned(), format!("{shard}/{INTO}"), "--at-once".to_owned(), "1".to_owned()]);
        Invocation {
            program: whole.program.clone(),
            arguments: whole.arguments.iter().cloned().chain(words.into_iter().flatten()).collect(),
            environment: whole.environment.clone(),
            directory: whole.directory.clone(),
        }
    }
}

/// How many messages stand in a user's name.
fn messages_of(user: &str) -> u32 {
    user.rsplit_once('-').and_then(|(_, messages)| messages.parse().ok()).unwrap_or(0)
}

fn by_file(directory: &Path) -> impl Fn(&str) -> u32 + use<> {
    let file = ShardsFile::read(&directory.join("shards.csv")).expect("what `shards` wrote");
    move |name| file.shards[name]
}

fn by_name(name: &str) -> u32 {
    (0..INTO).find(|index| Shard::new(*index, INTO).is_some_and(|shard| shard.draws(name))).expect("a shard for each")
}

fn loads(users: &[User], shard: impl Fn(&str) -> u32) -> Vec<Load> {
    let mut loads = vec![Load::default(); INTO as usize];
    for user in users {
        let load = &mut loads[shard(&user.name) as usize];
        load.accounts += 1;
        load.messages += u64::from(messages_of(&user.name));
    }
    loads
}

/// What the shards have, the least, the middle and the most, and how much the heaviest has more than the mean.
fn balance(ways: [(&str, &Vec<Load>); 2]) -> String {
    let mut text =
        "| shared out | accounts of a shard | messages of a shard | heaviest ÷ mean |\n|---|--:|--:|--:|\n".to_owned();
    for (way, loads) in ways {
        let spread = |of: fn(&Load) -> u64| {
            let spread = Spread::of(loads.iter().map(|load| of(load) as f64)).expect("shards");
            let text = [spread.least, spread.median, spread.greatest].map(|it| grouped(it as u64)).join(" / ");
            (text, spread.greatest)
        };
        let mean = loads.iter().map(|load| load.messages).sum::<u64>() as f64 / loads.len() as f64;
        let ((accounts, _), (messages, most)) = (spread(|load| load.accounts), spread(|load| load.messages));
        text += &format!("| {way} | {accounts} | {messages} | {:.2} |\n", most / mean);
    }
    text
}

fn row(load: Load, first: &Usage, again: &Usage) -> String {
    let cost = |usage: &Usage| {
        let memory = mebibytes(usage.memory_octets as f64);
        format!("{} s | {} s | {memory}", shown(usage.wall_seconds), shown(usage.cpu_seconds))
    };
    format!("{} | {} | {} | {}", grouped(load.accounts), grouped(load.messages), cost(first), cost(again))
}

/// Whether as many messages arrived as the shard has.
fn result(load: Load, arrived: u64, runs: [&Usage; 2]) -> String {
    let failed = runs.into_iter().find(|usage| usage.failed()).map(|usage| format!("; exit status {}", usage.status));
    let arrived = match arrived == load.messages {
        true => "complete".to_owned(),
        false => format!("{arrived} of {} messages arrived", load.messages),
    };
    arrived + &failed.unwrap_or_default()
}
