//! Laws of the tiers themselves.

use crate::cases::has_tier;
use ark_bn254::Fr;
use tracelane_kernels::{Kernels, Tier};

#[test]
fn a_tier_is_there_exactly_where_the_processor_has_its_instructions() {
    for tier in Tier::ALL {
        assert_eq!(tier.is_available(), has_tier(tier), "{tier}");
        let table = Kernels::<Fr>::for_tier(tier);
        assert_eq!(
            table.map(|table| table.tier()),
            has_tier(tier).then_some(tier)
        );
    }
    assert!(has_tier(Tier::detect()));
    assert_eq!(Kernels::<Fr>::detect().tier(), Tier::detect());
}

#[test]
fn tiers_have_names() {
    for tier in Tier::ALL {
        assert_eq!(tier.name().parse(), Ok(tier));
    }
    assert!("sse2".parse::<Tier>().is_err());
}
