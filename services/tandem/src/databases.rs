use clap::Args;

use crate::connection::{Connection, ServiceName};

/// Where the services' databases are.
#[derive(Debug, Args)]
pub struct DatabaseUrls {
    /// The database of conversation, such as postgres://user:password@host/tandem_conversation
    #[arg(long, value_name = "URL", env = "TANDEM_CONVERSATION_DATABASE_URL", hide_env_values = true)]
    conversation_url: Option<String>,

    /// The database of assignment
    #[arg(long, value_name = "URL", env = "TANDEM_ASSIGNMENT_DATABASE_URL", hide_env_values = true)]
    assignment_url: Option<String>,

    /// The database of customer-profile
    #[arg(long, value_name = "URL", env = "TANDEM_CUSTOMER_PROFILE_DATABASE_URL", hide_env_values = true)]
    customer_profile_url: Option<String>,

    /// The database of search
    #[arg(long, value_name = "URL", env = "TANDEM_SEARCH_DATABASE_URL", hide_env_values = true)]
    search_url: Option<String>,
}

impl DatabaseUrls {
    /// The one that is given, or else the data folder's.
    pub fn of(&self, service: ServiceName, connection: Option<&Connection>) -> Option<String> {
        let given = match service {
            ServiceName::Conversation => &self.conversation_url,
            ServiceName::Assignment => &self.assignment_url,
            ServiceName::CustomerProfile => &self.customer_profile_url,
            ServiceName::Search => &self.search_url,
        };
        let known = || connection?.services.get(&service)?.database.clone();
        given.clone().or_else(known)
    }
}
