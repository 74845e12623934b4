//! `[[wave]]`: accounts that move together, and when.

use super::account::AccountDraft;
use super::document::{At, Table};
use super::mistake::{Findings, Mistake, Origin, did_you_mean};
use super::selection;
use crate::model::wave::{Wave, Window, second_in};
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::sync::Arc;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const WINDOW: &str = "write it like \"Mon-Fri 20:00-06:00\"; days may be left out, and \"Sat,Sun\" is two";

/// A wave as it is written.
struct Draft {
    wave: Arc<Wave>,
    accounts: Vec<String>,
    origin: Origin,
}

/// Reads all waves, and gives each account its own.
pub(super) fn read(root: &mut Table, accounts: &mut [AccountDraft]) {
    let findings = root.findings();
    let waves: Vec<Draft> = root.tables("wave").into_iter().filter_map(read_wave).collect();
    let mut names: BTreeMap<&str, &Origin> = BTreeMap::new();
    for wave in &waves {
        if let Some(other) = names.insert(&wave.wave.name, &wave.origin) {
            let what = format!("the wave `{}` is there twice, also in {other}", wave.wave.name);
            findings.add(Mistake::new(what).fix("give each wave a name of its own").at(&wave.origin));
        }
    }
    let known: Vec<_> = accounts.iter().map(|draft| draft.account.clone()).collect();
    for wave in &waves {
        match selection::marked(&known, &wave.accounts) {
            Ok(selected) => {
                let taken = accounts.iter_mut().zip(selected).filter(|(_, is_selected)| *is_selected);
                taken.for_each(|(draft, _)| assign(draft, wave, findings));
            }
            Err(mistakes) => {
                mistakes.0.into_iter().for_each(|it| findings.add(it.about("`accounts` in [[wave]]").at(&wave.origin)));
            }
        }
    }
    for draft in accounts {
        let Some(name) = draft.wave.take() else { continue };
        match waves.iter().find(|wave| wave.wave.name == name.value) {
            Some(wave) => assign(draft, wave, findings),
            None => {
                let fix = did_you_mean(&name.value, waves.iter().map(|wave| wave.wave.name.as_str()));
                let mistake = Mistake::new("there is no wave of this name").about("`wave`");
                let fix = fix.unwrap_or_else(|| "describe it as [[wave]] with this name".to_owned());
                findings.add(mistake.fix(fix).at(&name.origin));
            }
        }
    }
}

/// An account is in one wave: two could not both be obeyed.
fn assign(draft: &mut AccountDraft, wave: &Draft, findings: &Findings) {
    match &draft.account.wave {
        Some(other) if other.name != wave.wave.name => {
            let what = format!(
                "{} is in two waves: `{}` and `{}`",
                draft.called("account", &draft.account.name),
                other.name,
                wave.wave.name
            );
            let fix = format!("leave it to one of them; the account is written in {}", draft.origin);
            findings.add(Mistake::new(what).fix(fix).at(&wave.origin));
        }
        _ => draft.account.wave = Some(wave.wave.clone()),
    }
}

fn read_wave(mut table: Table) -> Option<Draft> {
    let origin = table.origin.clone();
    let name = table.text("name").map(|name| name.value);
    if !table.has("name") {
        table.missing("name", "give the wave a name: `wave:NAME` then selects its accounts");
    }
    let accounts = table.list("accounts").map(|accounts| accounts.value).unwrap_or_default();
    let zone = table.text("time_zone");
    let time_zone = zone.and_then(|zone| accepted(&table, &zone, "time_zone", named_zone(&zone.value)));
    let time_zone = time_zone.unwrap_or_else(TimeZone::system);
    let mut moment = |key| {
        let shown = table.moment(key)?;
        let wrong = || Mistake::new("no clock shows this");
        accepted(&table, &shown, key, second_in(&time_zone, shown.value).ok_or_else(wrong))
    };
    let (not_before, complete_after) = (moment("not_before"), moment("complete_after"));
    let windows = table.text_or_list("window").map(|windows| {
        let read = windows.value.iter().map(|text| window(text)).collect::<Result<Vec<_>, _>>();
        let at = At { value: (), origin: windows.origin };
        accepted(&table, &at, "window", read).unwrap_or_default()
    });
    let jobs = table.number::<u16>("jobs", 1..=u16::MAX.into()).map(|jobs| usize::from(jobs.value));
    let priority = table.integer("priority").map_or(0, |priority| priority.value);
    table.finish();
    let windows = windows.unwrap_or_default();
    let wave = Wave { name: name?, not_before, windows, time_zone, jobs, priority, complete_after };
    Some(Draft { wave: Arc::new(wave), accounts, origin })
}

/// What is read of a value; a mistake in it is noted.
fn accepted<T, V>(table: &Table, at: &At<V>, key: &str, read: Result<T, Mistake>) -> Option<T> {
    table.findings().accept(&at.origin, read.map_err(|mistake| mistake.about(format!("`{key}` in [[wave]]"))))
}

fn named_zone(name: &str) -> Result<TimeZone, Mistake> {
    TimeZone::get(name).map_err(|_| {
        let fix = "write it like \"Europe/Berlin\"; the time zones of this system are those in /usr/share/zoneinfo";
        Mistake::new(format!("`{name}` is no time zone that this system knows")).fix(fix)
    })
}

/// `Mon-Fri 20:00-06:00`
fn window(text: &str) -> Result<Window, Mistake> {
    let wrong = || Mistake::new(format!("`{text}` is not a window")).fix(WINDOW);
    let (days, hours) = text.trim().rsplit_once(' ').unwrap_or(("", text.trim()));
    let (begins, ends) = hours.split_once('-').ok_or_else(wrong)?;
    let (begins, ends) = (minutes(begins).ok_or_else(wrong)?, minutes(ends).ok_or_else(wrong)?);
    let begins = if begins == 24 * 60 { return Err(wrong()) } else { begins };
    let mut on = [days.trim().is_empty(); 7];
    for part in days.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first).ok_or_else(wrong)?, day(last).ok_or_else(wrong)?);
        // Over the end of the week, too: Fri-Mon.
        let length = (last + 7 - first) % 7;
        (first..=first + length).for_each(|day| on[day % 7] = true);
    }
    Ok(Window { days: on, begins, ends })
}

fn day(name: &str) -> Option<usize> {
    let name = name.trim().to_ascii_lowercase();
    DAYS.iter().position(|day| *day == name)
}

/// `06:00` to `24:00`
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.trim().split_once(':')?;
    let is_short = |part: &str| (1..=2).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
    if !is_short(hours) || minutes.len() != 2 || !is_short(minutes) {
        return None;
    }
    let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(hours * 60 + minutes).filter(|all| *all <= 24 * 60 && minutes < 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_days_and_hours() {
        let read = |text: &str| window(text).map_err(|mistake| mistake.to_string());
        let days = |days: &[usize]| std::array::from_fn(|day| days.contains(&day));
        let cases = [
            ("Mon-Fri 20:00-06:00", days(&[0, 1, 2, 3, 4]), 1200, 360),
            ("sat, Sun 0:00-24:00", days(&[5, 6]), 0, 1440),
            ("Fri-Mon 22:30-23:15", days(&[4, 5, 6, 0]), 1350, 1395),
            ("20:00-06:00", [true; 7], 1200, 360),
        ];
        for (text, days, begins, ends) in cases {
            assert_eq!(read(text), Ok(Window { days, begins, ends }), "{text}");
        }
        for text in ["", "Mon", "Mon 20", "Mon 20:00", "Moon 20:00-06:00", "Mon 24:00-06:00", "Mon 20:60-06:00", "20-6"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
