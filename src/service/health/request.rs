//! Who may ask what: the method, the path, and headers that tell a browser of somebody else's page from us. Pure.
//!
//! There is no authentication. What protects the server on loopback is that a foreign page cannot make a browser send our `Host`
//! (DNS rebinding), nor hide its `Origin` (cross-site requests; Fetch Metadata, W3C).

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName, Method, StatusCode};

/// Where a request came from, in words of a browser (Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// The page for people.
    Page,
    /// Whether the scheduler is alive.
    Livez,
    /// Whether syncs can begin.
    Readyz,
    /// The report so far.
    Status,
    /// The metrics.
    Metrics,
    /// A sync now.
    Sync,
}

/// Why a request has no answer of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// What `Allow` says, with 405.
    pub(super) allow: Option<&'static str>,
}

impl Refused {
    fn with(status: StatusCode) -> Self {
        Self { status, allow: None }
    }
}

/// What a request asks for, if it may. `is_local` says that the server listens on loopback alone.
pub(super) fn judge(method: &Method, path: &str, headers: &HeaderMap, is_local: bool) -> Result<Asked, Refused> {
    let host = text(headers, &HOST);
    if is_local && !host.is_some_and(is_loopback) {
        return Err(Refused::with(StatusCode::MISDIRECTED_REQUEST));
    }
    let (asked, allow) = match path {
        "/" => (Asked::Page, "GET, HEAD"),
        "/livez" => (Asked::Livez, "GET, HEAD"),
        "/readyz" => (Asked::Readyz, "GET, HEAD"),
        "/status" => (Asked::Status, "GET, HEAD"),
        "/metrics" => (Asked::Metrics, "GET, HEAD"),
        "/sync" => (Asked::Sync, "POST"),
        _ => return Err(Refused::with(StatusCode::NOT_FOUND)),
    };
    if !allow.split(", ").any(|allowed| allowed == method.as_str()) {
        return Err(Refused { status: StatusCode::METHOD_NOT_ALLOWED, allow: Some(allow) });
    }
    if *method == Method::POST && is_foreign(headers, host) {
        return Err(Refused::with(StatusCode::FORBIDDEN));
    }
    Ok(asked)
}

/// Whether a page that is not ours has made a browser send this.
fn is_foreign(headers: &HeaderMap, host: Option<&str>) -> bool {
    // A header that comes twice is nobody's.
    let all = |name: &HeaderName| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or("?"));
    let own = host.map(|host| format!("http://{host}"));
    let is_own = |origin: &str| own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(origin));
    !all(&ORIGIN).all(is_own) || !all(&SEC_FETCH_SITE).all(|site| matches!(site, "same-origin" | "none"))
}

/// The only value of a header.
fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whether a `Host` is this machine: `localhost`, 127.0.0.0/8 or [::1], with any port.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) if port.is_empty() || is_port(port) => address,
        Some(_) => return false,
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    match name.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback() && (address.is_ipv4() || host.starts_with('[')),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn is_port(text: &str) -> bool {
    text.strip_prefix(':').is_some_and(|port| port.bytes().all(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        pairs.for_each(|(name, value)| _ = headers.append(name, value));
        headers
    }

    fn status(method: &Method, path: &str, pairs: &[(&'static str, &str)], is_local: bool) -> u16 {
        judge(method, path, &headers(pairs), is_local).map_or_else(|refused| refused.status.as_u16(), |_| 200)
    }

    #[test]
    fn on_loopback_a_host_has_to_be_loopback() {
        for host in ["localhost", "LocalHost:7464", "127.0.0.1", "127.0.0.1:7464", "127.8.9.1:1", "[::1]", "[::1]:7464"]
        {
            assert_eq!(status(&Method::GET, "/livez", &[("host", host)], true), 200, "{host}");
        }
        for host in [
            "127.0.0.1.evil.example",
            "evil.example",
            "evil.example:7464",
            "localhost.evil.example",
            "127.0.0.1@evil.example",
            "10.0.0.1",
            "[::1].evil.example",
            "[::2]",
            "::1",
            "",
            "localhost:a",
            "0.0.0.0",
        ] {
            for path in ["/livez", "/nothing"] {
                assert_eq!(status(&Method::GET, path, &[("host", host)], true), 421, "{host}");
            }
            assert_eq!(status(&Method::GET, "/livez", &[("host", host)], false), 200, "elsewhere any: {host}");
        }
        assert_eq!(status(&Method::GET, "/livez", &[], true), 421, "HTTP/1.0 without one");
        assert_eq!(status(&Method::GET, "/livez", &[("host", "localhost"), ("host", "evil.example")], true), 421);
    }

    #[test]
    fn a_post_of_another_page_is_refused_wherever_the_server_listens() {
        let host = ("host", "localhost:7464");
        for (pairs, expected) in [
            (&[][..], 200),
            (&[("origin", "http://localhost:7464")], 200),
            (&[("origin", "http://LOCALHOST:7464")], 200),
            (&[("sec-fetch-site", "same-origin")], 200),
            (&[("sec-fetch-site", "none")], 200),
            (&[("origin", "http://localhost:7465")], 403),
            (&[("origin", "https://localhost:7464")], 403),
            (&[("origin", "null")], 403),
            (&[("origin", "http://evil.example")], 403),
            (&[("sec-fetch-site", "cross-site")], 403),
            (&[("sec-fetch-site", "same-site")], 403),
            (&[("origin", "http://localhost:7464"), ("origin", "http://evil.example")], 403),
            (&[("origin", "http://localhost:7464"), ("sec-fetch-site", "cross-site")], 403),
        ] {
            for is_local in [true, false] {
                let all = [&[host], pairs].concat();
                assert_eq!(status(&Method::POST, "/sync", &all, is_local), expected, "{pairs:?}");
                assert_eq!(status(&Method::GET, "/status", &all, is_local), 200, "{pairs:?}");
            }
        }
    }

    #[test]
    fn another_path_is_not_found_and_another_method_not_allowed() {
        let host = [("host", "localhost")];
        for path in ["/", "/livez", "/readyz", "/status", "/metrics"] {
            assert_eq!(status(&Method::GET, path, &host, true), 200);
            assert_eq!(status(&Method::HEAD, path, &host, true), 200);
            assert_eq!(status(&Method::POST, path, &host, true), 405);
        }
        let refused = judge(&Method::GET, "/sync", &headers(&host), true).unwrap_err();
        assert_eq!((refused.status.as_u16(), refused.allow), (405, Some("POST")));
        assert_eq!(status(&Method::GET, "/livez/", &host, true), 404);
        assert_eq!(status(&Method::GET, "/metrics/", &host, true), 404);
    }
}
