use tonic::Status;
use tonic_types::StatusExt;

use super::*;

#[test]
fn reasons_are_those_of_the_proto_enum() {
    use tandem_proto::r#type::v1::ErrorReason;
    for reason in Reason::ALL {
        let name = format!("ERROR_REASON_{}", reason.as_str());
        assert!(ErrorReason::from_str_name(&name).is_some(), "{name} is missing in errors.proto");
    }
    let known: Vec<_> =
        Reason::ALL.iter().map(|reason| format!("ERROR_REASON_{}", reason.as_str())).collect();
    for number in 1..200 {
        if let Ok(reason) = ErrorReason::try_from(number) {
            assert!(known.iter().any(|name| name == reason.as_str_name()), "{reason:?} has no Reason");
        }
    }
}

#[test]
fn every_wrong_field_reaches_the_wire() {
    let mut violations = Violations::new();
    violations.add("a", "must be set");
    violations.add("b[2]", "must be at most 10");
    let status: Status = violations.into_fault().into();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let details = status.get_error_details();
    let fields: Vec<_> =
        details.bad_request().unwrap().field_violations.iter().map(|v| v.field.as_str()).collect();
    assert_eq!(fields, ["a", "b[2]"]);
    assert_eq!(details.error_info().unwrap().domain, DOMAIN);
}

#[test]
fn more_wrong_fields_than_headers_hold_are_counted() {
    let mut violations = Violations::new();
    for at in 0..10_000 {
        violations.add(format!("filters[{at}].contact_ids[{at}]"), "must be a UUID");
    }
    let status: Status = violations.into_fault().into();
    assert!(status.details().len() < 6_000, "{} bytes", status.details().len());
    let details = status.get_error_details();
    let named = details.bad_request().unwrap().field_violations.len();
    let more: usize = details.error_info().unwrap().metadata["more_violations"].parse().unwrap();
    assert_eq!(named + more, 10_000);
    assert!(named > 50);
}

#[test]
fn causes_stay_at_home() {
    let status: Status = Fault::internal("password=hunter2").into();
    assert!(!format!("{status:?}").contains("hunter2"));
    let status: Status = Fault::unavailable("host=10.0.0.1").into();
    assert!(!format!("{status:?}").contains("10.0.0.1"));
    assert!(status.get_error_details().retry_info().is_some());
}
