//! The presets by name.

use super::mistake::{Mistake, did_you_mean};
use crate::model::server::Preset;

/// Every preset and its name in the settings.
pub const PRESETS: [(&str, Preset); 9] = [
    ("zimbra", Preset::Zimbra),
    ("dovecot", Preset::Dovecot),
    ("cyrus", Preset::Cyrus),
    ("courier", Preset::Courier),
    ("exchange", Preset::Exchange),
    ("gmail", Preset::Gmail),
    ("yahoo", Preset::Yahoo),
    ("icloud", Preset::Icloud),
    ("generic", Preset::Generic),
];

/// The preset of that name.
///
/// # Errors
/// When there is none, with the nearest or all names.
pub fn preset_named(name: &str) -> Result<Preset, Mistake> {
    let found = PRESETS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, preset)| *preset);
    found.ok_or_else(|| {
        let names = PRESETS.map(|(known, _)| known);
        let fix = did_you_mean(name, names).unwrap_or_else(|| format!("known presets: {}", names.join(", ")));
        Mistake::new(format!("there is no preset `{name}`")).fix(fix)
    })
}

/// The name of a preset.
pub(super) fn preset_name(preset: Preset) -> &'static str {
    PRESETS.iter().find(|(_, known)| *known == preset).map_or("generic", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_found_by_its_name() {
        for (name, preset) in PRESETS {
            assert_eq!(preset_named(name).ok(), Some(preset));
            assert_eq!(preset_name(preset), name);
        }
        assert_eq!(
            preset_named("zimba").unwrap_err().to_string(),
            "there is no preset `zimba`; did you mean `zimbra`?"
        );
    }
}
