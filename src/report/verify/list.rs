//! Every difference as a line of a table for spreadsheets.

use crate::model::difference::Difference;
use crate::report::csv;

/// What stands over the columns.
pub const HEADING: &str = "account,mailbox,difference,source_uid,destination_uid,detail,from,subject,message_id\r\n";

/// One difference of that account.
pub fn line(account: &str, difference: &Difference) -> String {
    let uid = |uid: Option<crate::model::Uid>| uid.map_or_else(String::new, |uid| uid.to_string());
    let about = difference.about.clone().unwrap_or_default();
    csv::line(&[
        account,
        &difference.mailbox,
        difference.kind.word(),
        &uid(difference.source),
        &uid(difference.destination),
        &difference.detail,
        &about.from,
        &about.subject,
        &about.message_id,
    ])
}
