//! Guest programs of a few instructions.

/// A program of A64 instructions at 0x10000.
pub fn program(code: &[u32]) -> Vec<u8> {
    const AT: u64 = 0x1_0000;
    const START: u64 = 64 + 56;
    let mut bytes = vec![0; START as usize];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 183, 0, 1]);
    put(24, &(AT + START).to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &[64, 0, 56, 0, 1]);
    put(64, &[1, 0, 0, 0, 5]); // PT_LOAD, read and execute
    put(80, &AT.to_le_bytes());
    let size = START + 4 * code.len() as u64;
    put(96, &size.to_le_bytes());
    put(104, &size.to_le_bytes());
    put(112, &0x1000u64.to_le_bytes());
    bytes.extend(code.iter().flat_map(|w| w.to_le_bytes()));
    bytes
}
