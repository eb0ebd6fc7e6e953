#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| falco_gateway::fuzzing::stored(input));
