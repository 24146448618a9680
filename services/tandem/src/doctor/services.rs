use chrono::{DateTime, TimeDelta};
use tandem_access::Role;
use tandem_ambient::Ambient;
use tandem_bootstrap::ClientConfig;
use tandem_proto::conversation::v1::GetAccessScopeRequest;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::finding::Finding;
use crate::call::describe;
use crate::connection::{Connection, ServiceAddress, ServiceName};
use crate::gateway::{Gateway, request};
use crate::health;

/// How far clocks may be apart; tokens tolerate thirty seconds.
pub const MAX_SKEW: TimeDelta = TimeDelta::seconds(5);

/// Looks at the four services.
pub async fn check(connection: &Connection, ambient: &Ambient) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in ServiceName::ALL {
        match connection.services.get(&service) {
            None => findings.push(Finding::skipped(service.as_str(), "no address is known")),
            Some(address) => {
                findings.push(grpc(service, address).await);
                if let Some(admin) = &address.admin {
                    findings.push(admin_port(service, admin).await);
                }
            }
        }
    }
    findings.push(clock_and_token(connection, ambient).await);
    findings
}

async fn grpc(service: ServiceName, address: &ServiceAddress) -> Finding {
    let advice = "is it running? `tandem up` starts it here; in a cluster look at its pods and their logs";
    let config = ClientConfig { endpoint: address.grpc.clone(), ..ClientConfig::default() };
    let channel = match tandem_bootstrap::channel(&config) {
        Ok(channel) => channel,
        Err(error) => return Finding::wrong(service.as_str(), error.to_string(), "correct the address"),
    };
    let check = HealthCheckRequest { service: String::new() };
    match HealthClient::new(channel).check(request(check)).await {
        Ok(answer) if answer.get_ref().status() == ServingStatus::Serving => {
            Finding::fine(service.as_str(), format!("{} serves", address.grpc))
        }
        Ok(_) => Finding::wrong(
            service.as_str(),
            format!("{} says NOT_SERVING", address.grpc),
            "its readiness, below, says why",
        ),
        Err(status) => {
            Finding::wrong(service.as_str(), format!("{} {}", address.grpc, status.message()), advice)
        }
    }
}

async fn admin_port(service: ServiceName, admin: &str) -> Finding {
    let name = format!("{service} readiness");
    match health::readiness(admin).await {
        Ok(()) => Finding::fine(&name, "ready"),
        Err(reason) => Finding::wrong(&name, reason, "look at what it names; its log has more"),
    }
}

/// A call as the supervisor: shows at once whether tokens are taken and what the service's time is.
async fn clock_and_token(connection: &Connection, ambient: &Ambient) -> Finding {
    let name = "clock and tokens";
    let token = connection.token(Role::Supervisor);
    let caller = token.and_then(|token| Gateway::new(connection)?.caller(token));
    let Ok(caller) = caller else {
        return Finding::skipped(name, "the connection file has no supervisor's token");
    };
    let answer = caller.conversations().get_access_scope(request(GetAccessScopeRequest {})).await;
    let time = match answer {
        Ok(answer) => answer.into_inner().time.unwrap_or_default(),
        Err(status) => {
            let advice = "tokens that expired are made anew by the next `tandem up`";
            return Finding::wrong(name, describe(&status).replace('\n', ";"), advice);
        }
    };
    let nanos = u32::try_from(time.nanos).unwrap_or(0);
    let skew = DateTime::from_timestamp(time.seconds, nanos).unwrap_or_default() - ambient.now();
    if skew.abs() > MAX_SKEW {
        return Finding::wrong(
            name,
            format!("the services' clock is {} seconds from this machine's", skew.num_seconds()),
            "synchronise the clocks (NTP)",
        );
    }
    Finding::fine(name, "tokens are taken, the clocks agree")
}
