//! `mailferry report`: what the state knows of a migration, for those who were not there. Accounts are read one after the
//! other: what is written of each goes to a file at once, and only a line of each is kept.

use crate::cli::arguments::ReportArguments;
use crate::cli::context::Context;
use crate::cli::output;
use crate::cli::patience::patiently;
use crate::config::Settings;
use crate::error::{Error, Kind, Result, Scope};
use crate::library::exit_codes::ExitCode;
use crate::model::account_report::{AccountReport, Grade};
use crate::model::audit::Chain;
use crate::model::{Account, Side};
use crate::pipeline::audit::examine;
use crate::pipeline::beside::ask_report;
use crate::pipeline::fleet::attempts::now;
use crate::pipeline::merged::Merged;
use crate::pipeline::report::report;
use crate::report::company;
use crate::report::dossier::row::Row;
use crate::report::dossier::{Company, Head, csv, html, json};
use crate::report::quantity::{counted, number};
use crate::store::Store;
use jiff::tz::TimeZone;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// In one file, of more accounts than these only those have a section that need a look.
const SECTIONS: usize = 2000;

pub fn run(context: &Context, arguments: &ReportArguments) -> Result<ExitCode> {
    if [&arguments.html, &arguments.json, &arguments.csv].into_iter().all(Option::is_none) {
        return Err(Error::new(Kind::Settings, "a report has to go somewhere").hint(
            "name a file with `--html`, `--csv` or `--json`; a directory for `--html` gets a page for each account",
        ));
    }
    if !arguments.from.is_empty() {
        return merged(context, arguments);
    }
    let settings = context.settings()?;
    let accounts = context.select(&settings, &arguments.accounts.accounts)?;
    let mut shelf = Shelf { context, state: &settings.state, store: None };
    let mut writing = Writing::begin(arguments, accounts.len())?;
    let zone = TimeZone::system();
    for (number, account) in accounts.iter().enumerate() {
        writing.add(number, &shelf.report(account)?, &zone).map_err(spoiled)?;
    }
    let head = Head {
        made: now(),
        zone,
        source: servers(&settings, Side::Source),
        destination: servers(&settings, Side::Destination),
        audit: examine(&settings.state)?,
        fleet: None,
    };
    conclude(context, arguments, writing, &head)?;
    Ok(ExitCode::Done)
}

fn conclude(context: &Context, arguments: &ReportArguments, mut writing: Writing, head: &Head) -> Result<()> {
    if head.audit.fault.is_some() {
        context.warn(&html::audit(&head.audit));
    }
    writing.finish(arguments, head)?;
    output::tell(&told(&writing.rows, arguments))
}

/// Of what the processes of several shards tell.
fn merged(context: &Context, arguments: &ReportArguments) -> Result<ExitCode> {
    let merged = Merged::of(&arguments.from)?;
    merged.findings.iter().for_each(|finding| context.warn(finding));
    let mut writing = Writing::begin(arguments, merged.accounts())?;
    let zone = TimeZone::system();
    let mut number = 0;
    merged.reports(|report| {
        number += 1;
        writing.add(number - 1, report, &zone).map_err(spoiled)
    })?;
    let mut audit = Chain::default();
    for directory in &merged.directories {
        let Chain { entries, fault } = examine(directory)?;
        audit = Chain { entries: audit.entries + entries, fault: audit.fault.or(fault) };
    }
    let head = Head {
        made: now(),
        zone,
        source: merged.servers(|told| &told.source).join(", "),
        destination: merged.servers(|told| &told.destination).join(", "),
        audit,
        fleet: Some(Company {
            findings: merged.findings.clone(),
            told: company::json(&merged.heard, &merged.findings),
        }),
    };
    conclude(context, arguments, writing, &head)?;
    Ok(ExitCode::of_findings(&merged.findings))
}

/// Where the state is read: by the run that holds it, as long as one does, and then by ourselves.
struct Shelf<'a> {
    context: &'a Context,
    state: &'a Path,
    store: Option<Store>,
}

impl Shelf<'_> {
    fn report(&mut self, account: &Account) -> Result<AccountReport> {
        let Shelf { context, state, store } = self;
        patiently(|| {
            if store.is_none() {
                match context.store_at(state) {
                    Ok(opened) => *store = Some(opened),
                    Err(error) if *error.kind() == Kind::Locked => {
                        return ask_report(state, &account.name).unwrap_or(Err(error));
                    }
                    Err(error) => return Err(error),
                }
            }
            let store = store.as_ref().ok_or_else(|| Error::new(Kind::State, "the state is not open"))?;
            report(store, account, store.marks()?.get(&*account.name).copied())
        })
    }
}

/// What was written so far.
struct Writing {
    rows: Vec<Row>,
    /// The sections of one page.
    sections: Option<File>,
    /// Accounts as JSON, divided by commas.
    json: Option<File>,
    /// The directory for pages of their own.
    pages: Option<PathBuf>,
    only_what_needs_a_look: bool,
}

impl Writing {
    fn begin(arguments: &ReportArguments, accounts: usize) -> Result<Writing> {
        let pages = arguments.html.as_deref().filter(|path| is_directory(path)).map(Path::to_owned);
        if let Some(directory) = &pages {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(directory.join("accounts")).map_err(|why| {
                Error::new(Kind::Io, format!("could not make {}", directory.display())).because(why).scope(Scope::Run)
            })?;
        }
        let spool = |wanted: bool| wanted.then(tempfile::tempfile).transpose().map_err(spoiled);
        Ok(Writing {
            rows: Vec::new(),
            sections: spool(arguments.html.is_some() && pages.is_none())?,
            json: spool(arguments.json.is_some())?,
            pages,
            only_what_needs_a_look: accounts > SECTIONS,
        })
    }

    fn add(&mut self, number: usize, report: &AccountReport, zone: &TimeZone) -> io::Result<()> {
        let needs_a_look = matches!(report.grade(), Grade::Incomplete | Grade::ToReview);
        let mut link = String::new();
        if let Some(directory) = &self.pages {
            // Numbers and not names: a name may be anything.
            link = format!("accounts/{:06}.html", number + 1);
            let page = html::account_page(report, zone);
            output::stream(&directory.join(&link), |file| file.write_all(page.as_bytes())).map_err(io::Error::other)?;
        } else if let Some(sections) = &mut self.sections
            && (needs_a_look || !self.only_what_needs_a_look)
        {
            let anchor = format!("account-{}", number + 1);
            sections.write_all(html::section(report, &anchor, zone).as_bytes())?;
            link = format!("#{anchor}");
        }
        if let Some(json) = &mut self.json {
            let comma = if self.rows.is_empty() { "" } else { ",\n" };
            write!(json, "{comma}{}", json::account(report))?;
        }
        self.rows.push(Row::of(report, link));
        Ok(())
    }

    fn finish(&mut self, arguments: &ReportArguments, head: &Head) -> Result<()> {
        let rows = &self.rows;
        if let Some(html) = &arguments.html {
            let file = if self.pages.is_some() { html.join("index.html") } else { html.clone() };
            let sections = &mut self.sections;
            output::stream(&file, |output| {
                output.write_all(html::index(head, rows).as_bytes())?;
                sections.as_mut().map_or(Ok(()), |sections| copied(sections, output))?;
                output.write_all(html::TAIL.as_bytes())
            })?;
        }
        if let (Some(file), Some(accounts)) = (&arguments.json, &mut self.json) {
            output::stream(file, |output| {
                let head = json::head(head, rows).to_string();
                write!(output, "{},\n\"accounts\":[\n", head.strip_suffix('}').unwrap_or(&head))?;
                copied(accounts, output)?;
                output.write_all(b"\n]}\n")
            })?;
        }
        if let Some(file) = &arguments.csv {
            output::stream(file, |output| output.write_all(csv::text(rows).as_bytes()))?;
        }
        Ok(())
    }
}

fn copied(spool: &mut File, output: &mut dyn Write) -> io::Result<()> {
    spool.rewind()?;
    let mut output = BufWriter::new(output);
    io::copy(spool, &mut output)?;
    output.flush()
}

/// One that is there, or is written as one.
fn is_directory(path: &Path) -> bool {
    path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/')
}

fn servers(settings: &Settings, side: Side) -> String {
    let mut names: Vec<String> =
        settings.servers.iter().filter(|server| server.side == side).map(crate::model::Server::label).collect();
    names.dedup();
    names.join(", ")
}

fn spoiled(why: io::Error) -> Error {
    Error::new(Kind::Io, "could not write the report")
        .because(why)
        .scope(Scope::Run)
        .hint("see to it that there is room on the disk")
}

/// What was made, unless it went to standard output.
fn told(rows: &[Row], arguments: &ReportArguments) -> String {
    let files = [&arguments.html, &arguments.json, &arguments.csv];
    if files.into_iter().flatten().any(|file| file.as_os_str() == "-") {
        return String::new();
    }
    let count = |grade: Grade| rows.iter().filter(|row| row.grade == grade).count() as u64;
    let grades = Grade::ALL.map(|grade| (grade, count(grade))).into_iter().filter(|(_, count)| *count > 0);
    let grades: Vec<String> = grades.map(|(grade, count)| format!("{} {}", number(count), grade.word())).collect();
    let files: Vec<String> = files.into_iter().flatten().map(|file| file.display().to_string()).collect();
    format!("{}: {}. Written: {}\n", counted(rows.len() as u64, "account"), grades.join(", "), files.join(", "))
}
