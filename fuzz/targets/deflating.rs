#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| (mailferry::fuzzing::Target::named("deflating").holds)(octets));
