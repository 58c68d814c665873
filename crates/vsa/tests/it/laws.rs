//! What always holds of binding, rotating and comparing.

use super::{DIMS, Drawn, at_every_level};
use proptest::{prelude::*, test_runner::Config};
use testkit::Rng;
use vsa::{Bipolar, Code, Dim, Error, Ternary};

/// Checks `law` for vectors of both kinds.
macro_rules! laws {
    ($($(#[$meta:meta])* fn $name:ident<$code:ident>($rng:ident, $dim:ident) $body:block)*) => {
        $(mod $name {
            use super::*;

            fn law<$code: Drawn>($rng: &mut Rng, $dim: Dim) $body

            $(#[$meta])*
            #[test]
            fn holds() {
                at_every_level(|_| {
                    for dim in DIMS {
                        let dim = Dim::new(dim).unwrap();
                        law::<Bipolar>(&mut Rng::new(dim.to_u32().into()), dim);
                        law::<Ternary>(&mut Rng::new(dim.to_u32().into()), dim);
                    }
                });
            }

            proptest! {
                #![proptest_config(Config { cases: 16, ..Config::default() })]
                #[test]
                fn holds_for_any_dim(seed: u64, dim in 64u32..3000) {
                    let dim = Dim::new(dim).unwrap();
                    at_every_level(|_| {
                        law::<Bipolar>(&mut Rng::new(seed), dim);
                        law::<Ternary>(&mut Rng::new(seed), dim);
                    });
                }
            }
        })*
    };
}

laws! {
    fn binding_is_commutative_and_associative_with_a_unit<C>(rng, dim) {
        let [a, b, c] = std::array::from_fn(|_| C::draw(rng, dim));
        let bind = |a: &C, b: &C| a.bind(b).unwrap();
        assert_eq!(bind(&a, &b), bind(&b, &a));
        assert_eq!(bind(&bind(&a, &b), &c), bind(&a, &bind(&b, &c)));
        assert_eq!(bind(&a, &C::ones(dim)), a);
        let mut out = c;
        a.bind_into(&b, &mut out).unwrap();
        assert_eq!(out, bind(&a, &b));
    }

    fn binding_multiplies_values<C>(rng, dim) {
        let [a, b] = std::array::from_fn(|_| C::draw(rng, dim));
        let products: Vec<i8> = a.to_values().iter().zip(b.to_values()).map(|(a, b)| a * b).collect();
        assert_eq!(a.bind(&b).unwrap().to_values(), products);
        assert_eq!(a.negated().to_values(), a.to_values().iter().map(|v| -v).collect::<Vec<_>>());
    }

    fn unbinding_gives_back_what_the_key_is_not_zero_in<C>(rng, dim) {
        let [a, key] = std::array::from_fn(|_| C::draw(rng, dim));
        let kept = a.bind(&key).unwrap().unbind(&key).unwrap();
        let masked = a.to_values().iter().zip(key.to_values()).map(|(a, k)| a * k.abs()).collect::<Vec<_>>();
        assert_eq!(kept.to_values(), masked);
        if key.nonzero() == dim.to_u32() {
            assert_eq!(kept, a);
        }
    }

    fn rotations_add_up_and_have_the_order_of_the_dimensions<C>(rng, dim) {
        let [v, w] = std::array::from_fn(|_| C::draw(rng, dim));
        let rotate = |v: &C, by: i64| v.rotate(by).unwrap();
        if !dim.rotates() {
            assert!(matches!(v.rotate(1), Err(Error::Rotate { dim: refused, .. }) if refused == dim.to_u32()));
            return;
        }
        let d = i64::from(dim.to_u32());
        let (a, b) = (rng.below(3 * d as usize) as i64 - d, rng.below(d as usize) as i64);
        assert_eq!(rotate(&rotate(&v, a), b), rotate(&v, a + b));
        assert_eq!(rotate(&v, 0), v);
        assert_eq!(rotate(&v, d), v);
        assert_eq!(rotate(&rotate(&v, a), -a), v);
        assert_eq!(rotate(&v, i64::MIN), rotate(&v, i64::MIN.rem_euclid(d)));
        let mut values = v.to_values();
        values.rotate_right(b as usize);
        assert_eq!(rotate(&v, b).to_values(), values);
        // No shorter rotation is none: a vector with one odd place is where it was only after all of them.
        let mut odd = vec![1; dim.to_usize()];
        odd[0] = -1;
        let odd = Bipolar::from_values(dim, &odd).unwrap();
        assert_eq!((1..=d).find(|by| odd.rotate(*by).unwrap() == odd), Some(d));
        assert_eq!(rotate(&v.bind(&w).unwrap(), b), rotate(&v, b).bind(&rotate(&w, b)).unwrap());
        assert_eq!(rotate(&v, b).dot(&rotate(&w, b)), v.dot(&w));
    }

    fn products_count_agreements_less_disagreements<C>(rng, dim) {
        let [a, b] = std::array::from_fn(|_| C::draw(rng, dim));
        let (x, y) = (a.to_values(), b.to_values());
        let dot = a.dot(&b).unwrap();
        assert_eq!(dot, x.iter().zip(&y).map(|(x, y)| i32::from(x * y)).sum::<i32>());
        assert_eq!(a.differing(&b).unwrap() as usize, x.iter().zip(&y).filter(|(x, y)| x != y).count());
        assert_eq!(a.dot(&a).unwrap().cast_unsigned(), a.nonzero());
        assert_eq!(a.nonzero() as usize, x.iter().filter(|x| **x != 0).count());
        assert_eq!(a.differing(&a), Ok(0));
        assert!(dot.unsigned_abs() <= a.nonzero().min(b.nonzero()));
        assert_eq!(b.dot(&a).unwrap(), dot);
        assert_eq!(a.negated().dot(&b).unwrap(), -dot);
        let length = (f64::from(a.nonzero()) * f64::from(b.nonzero())).sqrt();
        assert_eq!(a.cosine(&b).unwrap(), if dot == 0 { 0.0 } else { (f64::from(dot) / length) as f32 });
    }

    fn lines_and_words_give_the_vector_back<C>(rng, dim) {
        let v = C::draw(rng, dim);
        let lines = v.lines().to_vec();
        assert_eq!(lines.len(), dim.n_lines() * C::element().n_planes());
        let n_set: u32 = lines.iter().flat_map(|line| line.0).map(u64::count_ones).sum();
        let n_minus = v.to_values().iter().filter(|v| **v < 0).count() as u32;
        let n_nonzero = if C::element() == vsa::Element::Ternary { v.nonzero() } else { 0 };
        assert_eq!(n_set, n_minus + n_nonzero, "bits behind the end");
        assert_eq!(v.at(dim.to_usize()), None);
    }
}

#[test]
fn a_bipolar_vector_is_a_ternary_one_without_zeros() {
    at_every_level(|_| {
        for dim in DIMS {
            let dim = Dim::new(dim).unwrap();
            let rng = &mut Rng::new(9);
            let (a, b) = (Bipolar::draw(rng, dim), Bipolar::draw(rng, dim));
            let (x, y) = (Ternary::from(&a), Ternary::from(&b));
            assert_eq!(x.to_values(), a.to_values());
            assert_eq!(x.bind(&y).unwrap(), Ternary::from(&a.bind(&b).unwrap()));
            assert_eq!((x.dot(&y), x.differing(&y)), (a.dot(&b), a.differing(&b)));
            assert_eq!(Bipolar::from_lines(dim, a.lines().to_vec()), Ok(a.clone()));
            assert_eq!(Bipolar::from_words(dim, &a.words().collect::<Vec<_>>()), Ok(a));
            assert_eq!(Ternary::from_lines(dim, x.lines().to_vec()), Ok(x.clone()));
            let (sign, nonzero): (Vec<u64>, Vec<u64>) = (x.sign_words().collect(), x.nonzero_words().collect());
            assert_eq!(Ternary::from_planes(dim, &sign, &nonzero), Ok(x));
        }
    });
}
