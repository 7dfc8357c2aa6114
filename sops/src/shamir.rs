//! Shamir's secret sharing over GF(2^8) with the polynomial of AES, as Vault and SOPS do it: a part is a byte of the
//! polynomial's value for each byte of the secret, and the place `x` behind them.

use zeroize::Zeroizing;

/// The secret that the parts are of.
///
/// # Errors
/// One clause: the parts are too few, of different lengths, or two of them have the same place.
pub(crate) fn combine(parts: &[Zeroizing<Vec<u8>>]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
    let Some((first, rest)) = parts.split_first() else {
        return Err("there is none");
    };
    if rest.is_empty() {
        return Err("there is but one");
    }
    let length = first.len();
    if length < 2 || rest.iter().any(|part| part.len() != length) {
        return Err("their lengths differ");
    }
    let places: Vec<u8> = parts.iter().map(|part| part[length - 1]).collect();
    if places.contains(&0) {
        return Err("one has no place of its own");
    }
    let mut secret = Zeroizing::new(vec![0; length - 1]);
    for (index, &place) in places.iter().enumerate() {
        // Lagrange's basis at 0; subtraction is addition, and addition is exclusive or.
        let mut basis = 1;
        for (other, &other_place) in places.iter().enumerate() {
            if other == index {
                continue;
            }
            if other_place == place {
                return Err("two are the same");
            }
            basis = multiply(basis, multiply(other_place, inverse(place ^ other_place)));
        }
        for (byte, value) in secret.iter_mut().zip(parts[index].iter()) {
            *byte ^= multiply(*value, basis);
        }
    }
    Ok(secret)
}

/// Without branches on the operands, as they are secret.
fn multiply(a: u8, b: u8) -> u8 {
    (0..8).rev().fold(0, |product: u8, bit| {
        let carry = (product >> 7).wrapping_neg() & 0x1b;
        let summand = (b >> bit & 1).wrapping_neg() & a;
        product << 1 ^ carry ^ summand
    })
}

/// a^254, which is the inverse as a^255 is 1.
fn inverse(a: u8) -> u8 {
    (0..7).fold(1, |power, _| {
        let power = multiply(power, a);
        multiply(power, power)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        // The example of FIPS 197, 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1, "{a}");
        }
    }

    #[test]
    fn any_two_of_three_parts_give_the_secret() {
        let secret = b"0123456789abcdef0123456789abcdef";
        let part = |x: u8| {
            // A line through the secret for each byte, with slopes that differ.
            let mut part: Vec<u8> = secret
                .iter()
                .enumerate()
                .map(|(index, byte)| byte ^ multiply((index as u8).wrapping_mul(37) | 1, x))
                .collect();
            part.push(x);
            Zeroizing::new(part)
        };
        for (a, b) in [(1, 2), (1, 3), (2, 3), (3, 1)] {
            assert_eq!(combine(&[part(a), part(b)]).unwrap().as_slice(), secret);
        }
        assert_eq!(
            combine(&[part(1), part(2), part(3)]).unwrap().as_slice(),
            secret
        );
        assert!(combine(&[part(1), part(1)]).is_err());
        assert!(combine(&[part(1)]).is_err());
        assert!(combine(&[part(1), Zeroizing::new(vec![1, 2])]).is_err());
        assert!(combine(&[part(1), part(0)]).is_err());
    }
}
