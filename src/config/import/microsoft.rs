//! The CSV of Microsoft's migration from IMAP: `EmailAddress,UserName,Password`, perhaps with `UserRoot`.
//!
//! `EmailAddress` is the user on the new server, `UserName` and `Password` log in on the old one: as the user, or as an
//! administrator in the user's name (`Domain/Admin/User` on Exchange, `User*Admin` on Dovecot, `#User#Admin#` on Mirapoint).
//! All these are login names that the server understands, and are taken as they are; where every row has the same
//! administrator behind `*`, it becomes the master user.

use super::{Line, List, ListedAccount};
use crate::config::account::checked_user;
use crate::config::mistake::{Findings, Mistake};
use crate::config::sheet::{Cell, split};
use zeroize::Zeroizing;

const COLUMNS: [&str; 4] = ["EmailAddress", "UserName", "Password", "UserRoot"];

pub(super) fn read(lines: &[Line], findings: &Findings) -> List {
    let mut list = List::default();
    let Some((header, rows)) = lines.split_first() else { return list };
    let delimiter = if header.text.contains(';') { ';' } else { ',' };
    let Some(columns) = columns(header, delimiter, findings) else { return list };
    let mut has_roots = false;
    for line in rows {
        let Some(cells) = findings.accept(&line.origin, split(&line.text, delimiter)) else { continue };
        if cells.iter().all(|cell| cell.text().is_empty()) {
            continue;
        }
        has_roots |= columns[3].is_some_and(|column| cells.get(column).is_some_and(|cell| !cell.text().is_empty()));
        list.accounts.extend(account(&cells, &columns, line, findings));
    }
    list.source_master = common_master(&list.accounts);
    if let Some((master, separator)) = &list.source_master {
        let users = list.accounts.iter_mut().map(|account| &mut account.users[0]);
        users.for_each(|user| user.truncate(user.len() - master.len() - separator.len_utf8()));
    }
    if has_roots {
        list.notes
            .push("UserRoot is not carried over: mailferry asks the old server where its mailboxes are".to_owned());
    }
    list.notes.push(
        "the list holds no passwords for the new server: set `master_user` in [destination], or fill in the column \
         `destination_password`"
            .to_owned(),
    );
    list.notes.push(
        "the list names no servers: all accounts are on that of [source]; where they are on several, write a table \
         [servers.NAME] for each, and its NAME into a column `source_server`"
            .to_owned(),
    );
    list
}

/// Where each column is.
fn columns(header: &Line, delimiter: char, findings: &Findings) -> Option<[Option<usize>; 4]> {
    let cells = findings.accept(&header.origin, split(&header.text, delimiter))?;
    let place = |name: &str| cells.iter().position(|cell| cell.text().eq_ignore_ascii_case(name));
    let columns = COLUMNS.map(place);
    let missing: Vec<&str> =
        COLUMNS[..3].iter().zip(columns).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        let mistake = Mistake::new(format!("the first line does not name the columns {}", missing.join(", ")));
        findings.add(mistake.fix("it begins with: EmailAddress,UserName,Password").at(&header.origin));
        return None;
    }
    Some(columns)
}

fn account(cells: &[Cell], columns: &[Option<usize>; 4], line: &Line, findings: &Findings) -> Option<ListedAccount> {
    let text = |column: usize| columns[column].and_then(|place| cells.get(place)).map_or("", Cell::text);
    let user = |column: usize| {
        let user = checked_user(text(column).trim()).map_err(|mistake| mistake.about(format!("`{}`", COLUMNS[column])));
        findings.accept(&line.origin, user)
    };
    let password =
        Some(text(2)).filter(|text| !text.is_empty()).ok_or_else(|| Mistake::new("`Password`: this is empty"));
    let password = findings.accept(&line.origin, password.map(|text| Zeroizing::new(text.to_owned())));
    let (destination, source) = (user(0), user(1));
    Some(ListedAccount {
        servers: [None, None],
        users: [source?, destination?],
        passwords: [Some(password?), None],
        prefix: None,
    })
}

/// The master user with whom all rows log in by `user*master`, all with one password.
fn common_master(accounts: &[ListedAccount]) -> Option<(String, char)> {
    let (_, master) =
        accounts.first()?.users[0].split_once('*').filter(|(user, master)| !user.is_empty() && !master.is_empty())?;
    let password = accounts[0].passwords[0].as_deref();
    let is_so = |account: &ListedAccount| {
        let split = account.users[0].split_once('*');
        split.is_some_and(|(user, other)| !user.is_empty() && other == master)
            && account.passwords[0].as_deref() == password
    };
    accounts.iter().all(is_so).then(|| (master.to_owned(), '*'))
}
