//! Where the digits of base-3 formats lie that do not come in planes of whole vectors, as tables for vectors of 32
//! columns.

/// Where the digits of 32 columns lie: the byte of each among 16, and the power of 3 that brings its digit to the
/// front.
#[derive(Clone, Copy)]
pub(in crate::matmul) struct Digits {
    pub(in crate::matmul) index: [u8; 32],
    pub(in crate::matmul) powers: [u8; 32],
}

const POWERS: [u8; 5] = [1, 3, 9, 27, 81];

/// The 128 columns of a `PTQ1_0` block: bytes from 0 for columns below 80, from [`PTQ1_0_UPPER`] for the others.
pub(in crate::matmul) static PTQ1_0: [Digits; 4] = {
    let mut digits = [Digits { index: [0; 32], powers: [0; 32] }; 4];
    let mut column = 0;
    while column < 128 {
        let (byte, digit) = match column {
            0..80 => (column % 16, column / 16),
            80..120 => (16 + (column - 80) % 8, (column - 80) / 8),
            _ => (24 + (column - 120) % 2, (column - 120) / 2),
        };
        let first = if column < 80 { 0 } else { PTQ1_0_UPPER };
        digits[column / 32].index[column % 32] = (byte - first) as u8;
        digits[column / 32].powers[column % 32] = POWERS[digit];
        column += 1;
    }
    digits
};

/// First byte for the columns of a `PTQ1_0` block from 80 on.
pub(in crate::matmul) const PTQ1_0_UPPER: usize = 12;

/// The 64 columns of an `IQ1_BN` block of 13 bytes.
pub(in crate::matmul) static IQ1_BN: [Digits; 2] = {
    let mut digits = [Digits { index: [0; 32], powers: [0; 32] }; 2];
    let mut column = 0;
    while column < 64 {
        let (group, at) = (column / 16, column % 16);
        // The first digit is the least one here.
        let (byte, digit) = if at < 15 { (3 * group + at / 5, 4 - at % 5) } else { (12, 4 - group) };
        digits[column / 32].index[column % 32] = byte as u8;
        digits[column / 32].powers[column % 32] = POWERS[digit];
        column += 1;
    }
    digits
};
