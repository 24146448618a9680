//! Which pages of browsers may call through gRPC-Web.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::config::ConfigError;

/// How long a browser may remember a preflight's answer.
const MAX_AGE: Duration = Duration::from_secs(3600);

/// Where a page finds how its call ended; browsers hide headers that are not named.
const EXPOSED: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];

pub(crate) fn layer(origins: &[String]) -> Result<CorsLayer, ConfigError> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(|origin| parse(origin)).collect::<Result<Vec<_>, _>>()?)
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::POST])
        // Any metadata may be sent: the token decides, not the header's name. No cookies are read.
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(EXPOSED)
        .max_age(MAX_AGE))
}

fn parse(origin: &str) -> Result<HeaderValue, ConfigError> {
    let problem = || {
        ConfigError::invalid(
            "server.cors_origins",
            format!("`{origin}` is no origin such as https://inbox.example"),
        )
    };
    let uri: Uri = origin.parse().map_err(|_| problem())?;
    // A path, even "/", never equals what a browser sends.
    if uri.scheme().is_none() || uri.host().is_none() || origin.matches('/').count() != 2 {
        return Err(problem());
    }
    HeaderValue::from_str(origin).map_err(|_| problem())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Sandbox, guarded, http1};

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for wrong in ["inbox.example", "https://inbox.example/", "https://", "not an origin"] {
            assert_eq!(layer(&[wrong.to_owned()]).unwrap_err().setting, "server.cors_origins", "{wrong}");
        }
        assert!(layer(&["https://inbox.example:8443".to_owned(), "*".to_owned()]).is_ok());
    }

    #[tokio::test]
    async fn a_page_of_an_allowed_origin_calls_and_reads_the_status() {
        let sandbox =
            Sandbox::with(|config| config.cors_origins = vec!["https://inbox.example".to_owned()]).await;
        // The message "hello" as gRPC-Web frames it, in base64.
        let body = "AAAAAAcKBWhlbGxv";
        let post = async |origin: &str| {
            let headers = [("Origin", origin), ("Content-Type", "application/grpc-web-text")];
            guarded(http1(sandbox.grpc_addr(), "POST", "/test.v1.Echo/Say", &headers, body))
                .await
                .to_lowercase()
        };
        let answer = post("https://inbox.example").await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(answer.contains("access-control-allow-origin: https://inbox.example"), "{answer}");
        for exposed in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
            assert!(
                answer
                    .lines()
                    .any(|line| line.starts_with("access-control-expose") && line.contains(exposed))
            );
        }
        assert!(!post("https://evil.example").await.contains("access-control-allow-origin"));
    }
}
