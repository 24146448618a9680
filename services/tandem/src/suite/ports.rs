use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

use crate::connection::ServiceName;

/// How far the admin ports are above the gRPC ports.
const ADMIN: u16 = 30;

/// Where one service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
}

impl Ports {
    /// Two that nobody uses at this moment.
    pub fn free() -> Result<Self> {
        let (grpc, admin) = (listener()?, listener()?);
        Ok(Self { grpc: grpc.local_addr()?, admin: admin.local_addr()? })
    }
}

/// The four services' ports on loopback: `base` + 1 to 4, and 30 above these for health. With 0 all are free ones.
///
/// # Errors
/// Numbers above the highest port; a machine without free ports.
pub fn choose(base: u16) -> Result<Vec<(ServiceName, Ports)>> {
    if base == 0 {
        return free(&ServiceName::ALL);
    }
    let mut ports = Vec::new();
    for (place, service) in (1..).zip(ServiceName::ALL) {
        let grpc = base.checked_add(place).context("--ports is too high")?;
        let admin = grpc.checked_add(ADMIN).context("--ports is too high")?;
        ports.push((service, Ports { grpc: loopback(grpc), admin: loopback(admin) }));
    }
    Ok(ports)
}

/// A port that nobody uses at this moment.
pub fn free_port() -> Result<u16> {
    Ok(listener()?.local_addr()?.port())
}

fn free(services: &[ServiceName]) -> Result<Vec<(ServiceName, Ports)>> {
    // Held until all are taken, so that no two are the same.
    let mut held = Vec::new();
    let mut ports = Vec::new();
    for service in services {
        let (grpc, admin) = (listener()?, listener()?);
        ports.push((*service, Ports { grpc: grpc.local_addr()?, admin: admin.local_addr()? }));
        held.push((grpc, admin));
    }
    Ok(ports)
}

fn listener() -> Result<TcpListener> {
    TcpListener::bind(loopback(0)).context("no port is free")
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ports_follow_the_base_or_are_free_and_different() {
        let fixed = choose(50050).unwrap();
        assert_eq!(
            fixed[0],
            (ServiceName::Conversation, Ports { grpc: loopback(50051), admin: loopback(50081) })
        );
        assert_eq!(fixed[3].1, Ports { grpc: loopback(50054), admin: loopback(50084) });
        assert!(choose(65_530).is_err());
        let free = choose(0).unwrap();
        let ports: HashSet<_> = free.iter().flat_map(|(_, ports)| [ports.grpc, ports.admin]).collect();
        assert_eq!(ports.len(), 8);
    }
}
