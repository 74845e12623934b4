//! Which answer to which request.

use super::Desk;
use super::metrics;
use super::request::Request;
use super::response::{HTML, Response, SCRIPT, STYLE, TEXT};
use super::rows::Wanted;
use super::token::are_equal;
use super::watch::Watch;
use crate::model::Condition;
use serde_json::json;

const PAGE: &str = include_str!("../../templates/live.html");
const PAGE_SCRIPT: &str = include_str!("../../templates/live.js");
const PAGE_STYLE: &str = concat!(include_str!("../../templates/style.css"), include_str!("../../templates/live.css"));

/// What to do with a request.
#[derive(PartialEq, Eq, Debug)]
pub enum Answer {
    This(Response),
    /// Tell what happens, until nothing more does.
    Stream,
}

/// What is asked for, below the word that opens the page.
pub fn answer(request: &Request, token: Option<&str>, watch: &Watch, desk: &dyn Desk) -> Answer {
    if request.path == "/healthz" {
        return Answer::This(Response::of(TEXT, "ok\n"));
    }
    let Some(path) = within(request, token) else { return Answer::This(Response::refusal(404)) };
    Answer::This(match path {
        "/" => Response::of(HTML, PAGE),
        "/page.js" => Response::of(SCRIPT, PAGE_SCRIPT),
        "/page.css" => Response::of(STYLE, PAGE_STYLE),
        "/metrics" => Response::of(metrics::KIND, metrics::text(watch)),
        "/api/board" => Response::json(200, &watch.board()),
        "/api/accounts" => accounts(request, watch),
        "/api/account" => account(request, watch, desk),
        "/events" => return Answer::Stream,
        _ => Response::refusal(404),
    })
}

/// The path behind the word; `None` for who does not know it. A socket has its file's rights instead.
fn within<'a>(request: &'a Request, token: Option<&str>) -> Option<&'a str> {
    let Some(token) = token else { return Some(&request.path) };
    if request.bearer.as_deref().is_some_and(|bearer| are_equal(bearer, token)) {
        return Some(&request.path);
    }
    let path = request.path.strip_prefix('/')?;
    let end = path.find('/')?;
    are_equal(&path[..end], token).then(|| &path[end..])
}

fn accounts(request: &Request, watch: &Watch) -> Response {
    let condition = match request.asked("condition").filter(|word| !word.is_empty()) {
        Some(word) => match Condition::read(word) {
            Some(condition) => Some(condition),
            None => return Response::refusal(400),
        },
        None => None,
    };
    let text = request.asked("q").unwrap_or_default().to_owned();
    let wave = request.asked("wave").filter(|name| !name.is_empty()).map(str::to_owned);
    let offset = request.asked("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
    Response::json(200, &watch.accounts(&Wanted { condition, wave, text, offset }))
}

fn account(request: &Request, watch: &Watch, desk: &dyn Desk) -> Response {
    let number = request.asked("number").and_then(|number| number.parse().ok());
    let named = number.and_then(|number| Some((number, watch.name(number)?)));
    let Some((number, name)) = named else { return Response::refusal(404) };
    match desk.account(&name) {
        Ok(mut account) => {
            account["cutover"] = watch.cutover_of(number);
            Response::json(200, &account)
        }
        Err(error) => Response::json(503, &json!({ "what": error.summary(), "hint": error.advice() })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::tests::Somebody;
    use crate::serve::watch::tests::watch;
    use serde_json::Value;

    fn asked(path: &str, bearer: Option<&str>, token: Option<&str>) -> Answer {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let query = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let request = Request { is_head: false, path: path.to_owned(), query, bearer: bearer.map(str::to_owned) };
        answer(&request, token, &watch(&["alice", "bob", "carol"]), &Somebody)
    }

    fn status(path: &str, bearer: Option<&str>, token: Option<&str>) -> u16 {
        match asked(path, bearer, token) {
            Answer::This(response) => response.status,
            Answer::Stream => 0,
        }
    }

    #[test]
    fn nothing_is_told_without_the_word_but_that_somebody_is_there() {
        for path in ["/", "/metrics", "/api/board", "/events", "/secre/", "/secrets/", "/secret", "//secret/", ""] {
            assert_eq!(status(path, None, Some("secret")), 404, "{path}");
            assert_eq!(status(path, Some("secrets"), Some("secret")), 404, "{path}");
        }
        assert_eq!(status("/healthz", None, Some("secret")), 200);
        for path in ["/secret/", "/secret/page.js", "/secret/page.css", "/secret/metrics", "/secret/api/board"] {
            assert_eq!(status(path, None, Some("secret")), 200, "{path}");
        }
        assert_eq!(status("/metrics", Some("secret"), Some("secret")), 200);
        assert_eq!(asked("/secret/events", None, Some("secret")), Answer::Stream);
        assert_eq!((status("/api/board", None, None), status("/other", None, None)), (200, 404));
    }

    #[test]
    fn accounts_are_asked_for_by_condition_name_and_number() {
        let body = |path: &str| match asked(path, None, None) {
            Answer::This(response) => serde_json::from_slice::<Value>(&response.body).unwrap(),
            Answer::Stream => Value::Null,
        };
        assert_eq!(body("/api/accounts?q=BO")["accounts"][0]["account"], "bob");
        assert_eq!(body("/api/accounts?condition=failed")["count"], 0);
        assert_eq!(body("/api/account?number=0")["account"], "alice");
        assert_eq!(body("/api/account?number=1")["what"], "it is damaged");
        let statuses =
            ["/api/accounts?condition=faild", "/api/account?number=9", "/api/account", "/api/account?number=1"];
        assert_eq!(statuses.map(|path| status(path, None, None)), [400, 404, 404, 503]);
    }
}
