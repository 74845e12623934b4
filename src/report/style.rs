//! What all pages look like: one file each, without scripts, light and dark, on a screen and on paper.

/// For the head of a page.
pub const STYLE: &str = include_str!("../../templates/style.css");
