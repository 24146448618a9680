use std::io::Write;

use serde::{Deserialize, Serialize};

use super::*;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    server: ServerConfig,
    telemetry: TelemetryConfig,
    token: Secret,
}

fn read(toml: &str, variables: &[(&str, &str)]) -> Result<Settings, ConfigError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_with(Some(file.path()), "TANDEM_TEST_", variables)
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
    let toml = "[server]\nmax_in_flight = 7\nmax_streams = 8\n[telemetry]\nlog_format = 'json'";
    let variables =
        [("TANDEM_TEST_SERVER__MAX_STREAMS", "9"), ("TANDEM_TEST_SERVER__CORS_ORIGINS", "[a, b]")];
    let settings = read(toml, &variables).unwrap();
    assert_eq!((settings.server.max_in_flight, settings.server.max_streams), (7, 9));
    assert_eq!(settings.server.cors_origins, ["a", "b"]);
    assert_eq!(settings.server.listen, ServerConfig::default().listen);
    assert_eq!(settings.telemetry.log_format, LogFormat::Json);
}

#[test]
fn errors_name_the_setting_and_its_variable() {
    let error = read("", &[("TANDEM_TEST_SERVER__MAX_IN_FLIGHT", "many")]).unwrap_err();
    assert_eq!(error.setting, "server.max_in_flight");
    assert!(error.place.contains("TANDEM_TEST_SERVER__MAX_IN_FLIGHT"), "{error}");
    let error = read("[server]\nlisten = 'nowhere'", &[]).unwrap_err();
    assert_eq!(error.setting, "server.listen");
    let error = read("[telemetry]\nlog_format = 'xml'", &[]).unwrap_err();
    assert_eq!(error.setting, "telemetry.log_format");
    let error = read("[server.tls]\ncert = 'c'", &[]).unwrap_err();
    assert_eq!(error.setting, "server.tls.key");
}

#[test]
fn unknown_keys_are_errors() {
    assert_eq!(read("[server]\nmax_inflight = 1", &[]).unwrap_err().setting, "server.max_inflight");
    assert_eq!(read("sever = 1", &[]).unwrap_err().setting, "sever");
    let error = read("", &[("TANDEM_TEST_SERVER__TYPO", "1")]).unwrap_err();
    assert_eq!(error.setting, "server.typo");
}

#[test]
fn variables_that_kubernetes_injects_are_passed_over() {
    let injected = [("TANDEM_TEST_SERVICE_HOST", "10.0.0.1"), ("TANDEM_TEST_PORT_50051_TCP_PORT", "50051")];
    read("", &injected).unwrap();
}

#[test]
fn a_file_that_is_not_there_or_no_toml_is_named() {
    let gone = load_with::<Settings>(Some(Path::new("/nowhere/tandem.toml")), "T_", std::iter::empty());
    assert_eq!(gone.unwrap_err().setting, "/nowhere/tandem.toml");
    assert!(read("[server", &[]).is_err());
}

#[test]
fn a_secret_comes_from_a_value_a_variable_or_a_file() {
    assert_eq!(read("token = 'hunter2'", &[]).unwrap().token.expose(), "hunter2");
    for digits in ["0123", "1e5", "42", "-7", "1.50", "true"] {
        assert_eq!(read("", &[("TANDEM_TEST_TOKEN", digits)]).unwrap().token.expose(), digits);
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hunter3\n").unwrap();
    let path = file.path().to_str().unwrap();
    let settings = read("token = 'hunter2'", &[("TANDEM_TEST_TOKEN__FILE", path)]).unwrap();
    assert_eq!((settings.token.expose(), settings.token.file()), ("hunter3", Some(file.path())));
    let error = read("token = { file = '/nowhere/token' }", &[]).unwrap_err();
    assert_eq!(error.setting, "token");
    assert!(error.problem.contains("/nowhere/token"), "{error}");
}

#[test]
fn secrets_never_print() {
    let settings = read("token = 'hunter2'", &[]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert!(!serde_json::to_string(&settings).unwrap().contains("hunter2"));
    let error = read("token = ['hunter2']", &[]).unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
    // A masked print that is read back is refused, not taken for the secret.
    assert_eq!(read("token = '***'", &[]).unwrap_err().setting, "token");
}
