//! AWS's own side: its configuration files, its credential chain, the account, what it denies.

mod account;
