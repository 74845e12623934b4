//! The run as a whole, as it is told to who looks on.

use super::watch::{Notice, SCHEMA, Stage, Totals, Watch, now};
use serde_json::{Value, json};
use std::collections::BTreeMap;

impl Watch {
    /// The run as a whole.
    pub fn board(&self) -> Value {
        let state = self.state();
        let (stage, next, status) = match state.stage {
            Stage::Working => ("working", None, None),
            Stage::Resting(next) => ("resting", Some(next), None),
            Stage::Ended(status) => ("ended", None, Some(status)),
        };
        let Totals { ended, failures, messages, octets, so_far, whole, listed, seconds, share, seconds_left } =
            state.totals;
        let notice =
            |it: &Notice| json!({ "at": it.at, "account": it.account, "text": it.text, "failure": it.is_failure });
        json!({
            "schema": SCHEMA,
            "run": state.run.id,
            "version": env!("CARGO_PKG_VERSION"),
            "command": state.run.command,
            "process": std::process::id(),
            "started": state.run.started,
            "now": now(),
            "round": state.rounds,
            "stage": stage,
            "next": next,
            "exit_status": status,
            "accounts": state.rows.count(),
            "ended": ended,
            "failures": failures,
            "conditions": state.rows.counts().map(|(it, count)| (it.word(), count)).collect::<BTreeMap<_, _>>(),
            "waves": state.rows.waves.told(now()),
            "messages": messages,
            "octets": octets,
            "so_far": { "messages": so_far.0, "octets": so_far.1 },
            "whole": whole.map(|it| json!({ "messages": it.0, "octets": it.1, "is_known": it.2 })),
            "listed": listed,
            "seconds": seconds,
            "share": share,
            "cutover": state.cutover.0.map(|it| {
                json!({ "behind": it.forecast.behind, "seconds": it.forecast.seconds, "accounts": it.accounts })
            }),
            "seconds_left": seconds_left,
            "octets_per_second": state.rate(),
            "notices": state.notices.iter().rev().map(notice).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::cutover::tests::resynced;
    use crate::serve::rows::Work;
    use crate::serve::watch::tests::watch;

    #[test]
    fn board_tells_where_the_run_is() {
        let watch = watch(&["alice", "bob"]);
        watch.works("alice", Work { phase: "copying", ..Work::default() });
        watch.notice("bob", "it broke\x07");
        let (so_far, whole) = ((19, 190), Some((40, 400, false)));
        watch.total(Totals { messages: 9, octets: 90, so_far, whole, ..Totals::default() });
        watch.turn(Stage::Resting(77));
        let board = watch.board();
        assert_eq!((&board["stage"], &board["next"], &board["accounts"]), (&json!("resting"), &json!(77), &json!(2)));
        assert_eq!(board["conditions"], json!({ "working": 1, "waiting": 1 }));
        assert_eq!((&board["messages"], &board["notices"][0]["text"]), (&json!(9), &json!("it broke?")));
        assert_eq!(board["so_far"], json!({ "messages": 19, "octets": 190 }));
        assert_eq!(board["whole"], json!({ "messages": 40, "octets": 400, "is_known": false }));
    }

    #[test]
    fn rate_is_that_of_the_last_seconds() {
        let watch = watch(&[]);
        for octets in [0, 1000, 1000, 4000] {
            watch.total(Totals { octets, ..Totals::default() });
            watch.tick();
        }
        assert!((watch.board()["octets_per_second"].as_f64().unwrap() - 4000.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn cutover_is_told_when_the_round_is_over_and_every_few_seconds() {
        let watch = watch(&["alice", "bob"]);
        watch.settle(&[resynced("alice", now() - 1800)]);
        assert_eq!(watch.board()["cutover"], Value::Null, "it is reckoned now and then");
        watch.turn(Stage::Resting(77));
        let cutover = &watch.board()["cutover"];
        assert_eq!(cutover["accounts"], 1);
        assert!(cutover["behind"]["low"].as_f64() < Some(18.0) && cutover["seconds"]["high"].as_f64() > Some(28.0));
        watch.settle(&[resynced("bob", now() - 1800)]);
        (0..10).for_each(|_| watch.tick());
        assert_eq!(watch.board()["cutover"]["accounts"], 2);
    }
}
