//! Which source mailbox goes to which destination mailbox.
//!
//! - [`mailboxes`]: the story; [`mapping`]: what it takes and gives.
//! - [`part`] and [`filter`]: what takes part. [`routes`], [`special_use`], [`rename`]: which place is asked for.
//!   [`all_mail`]: Gmail's labels. [`settlement`]: who gets it. [`ranks`]: which come first. [`levels`] and [`names`]: names compared and written.

pub mod all_mail;
pub mod filter;
pub mod levels;
pub mod mailboxes;
pub mod mapping;
pub mod names;
pub mod part;
pub mod ranks;
pub mod rename;
pub mod routes;
pub mod settlement;
pub mod special_use;
