use std::io::Write;

use anyhow::Result;

use super::methods;
use crate::policy;

/// Every method with its messages, and who may call it.
pub fn print(out: &mut impl Write) -> Result<()> {
    let mut service = String::new();
    for method in methods::all() {
        if service != method.parent_service().full_name() {
            method.parent_service().full_name().clone_into(&mut service);
            writeln!(out, "{service}")?;
        }
        let stream = if method.is_server_streaming() { "stream " } else { "" };
        let roles: Vec<_> = policy::roles(&methods::path(&method)).iter().map(|role| role.as_str()).collect();
        let roles = if roles.is_empty() { String::new() } else { format!("  [{}]", roles.join(", ")) };
        writeln!(
            out,
            "  {} ({}) → {stream}{}{roles}",
            method.name(),
            method.input().name(),
            method.output().name()
        )?;
    }
    Ok(())
}
