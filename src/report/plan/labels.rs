//! What becomes of Gmail's labels, and what each choice of that comes to.

use crate::model::Labels;
use crate::model::gmail::{LabelCost, LabelForecast};
use crate::report::quantity::{counted, octets};
use serde_json::{Value, json};

/// A line for each choice; the one that holds is marked.
pub(super) fn text(forecast: Option<&LabelForecast>) -> String {
    let Some(LabelForecast { chosen, messages, costs }) = forecast else { return String::new() };
    let line = |(labels, cost): (Labels, &LabelCost)| {
        let left_out = match cost.left_out {
            0 => String::new(),
            count => format!("; {} left behind", counted(count, "message")),
        };
        let mark = if labels == *chosen { "*" } else { " " };
        let (name, copies) = (labels.as_str(), counted(cost.copies, "copy"));
        format!("  {mark} {name:<17} {copies}, {}{left_out}\n", octets(cost.octets))
    };
    let lines: String = Labels::ALL.into_iter().zip(costs).map(line).collect();
    format!("`labels` in [gmail], of {}:\n{lines}", counted(*messages, "message"))
}

/// The same for machines; null where the source is no Gmail.
pub(super) fn json(forecast: Option<&LabelForecast>) -> Value {
    let Some(LabelForecast { chosen, messages, costs }) = forecast else { return Value::Null };
    let cost = |(labels, cost): (Labels, &LabelCost)| {
        let LabelCost { copies, octets, left_out } = cost;
        json!({ "labels": labels.as_str(), "copies": copies, "octets": octets, "left_out": left_out })
    };
    let costs: Vec<Value> = Labels::ALL.into_iter().zip(costs).map(cost).collect();
    json!({ "labels": chosen.as_str(), "messages": messages, "costs": costs })
}
