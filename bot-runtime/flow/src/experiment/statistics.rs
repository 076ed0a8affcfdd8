//! The distributions that tests of significance need, to twelve digits or so: series and continued fractions of the
//! incomplete gamma and beta functions (Abramowitz and Stegun 6.5, 26.5).

/// Most terms of a series or a fraction.
const TERMS: u32 = 500;
/// Where a series or a fraction is close enough.
const CLOSE: f64 = 1e-15;
/// Stands for 0 in the denominator of a fraction.
const TINY: f64 = 1e-300;

/// The logarithm of the gamma function, for positive numbers (Lanczos, g = 7, n = 9).
fn ln_gamma(x: f64) -> f64 {
    const FACTORS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = FACTORS
        .iter()
        .zip(1_u32..)
        .fold(0.999_999_999_999_809_9, |sum, (factor, index)| sum + factor / (x + f64::from(index)));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

/// The regularized upper incomplete gamma function Q(a, x).
#[expect(clippy::many_single_char_names, reason = "as the formulas name them")]
fn gamma_q(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS {
            n += 1.0;
            term *= x / n;
            sum += term;
            if term.abs() < sum.abs() * CLOSE {
                break;
            }
        }
        return 1.0 - front * sum;
    }
    // Lentz's way through the continued fraction.
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut fraction = d;
    for index in 1..TERMS {
        let i = f64::from(index);
        let factor = -i * (i - a);
        b += 2.0;
        d = 1.0 / away_from_zero(factor * d + b);
        c = away_from_zero(b + factor / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < CLOSE {
            break;
        }
    }
    front * fraction
}

/// The regularized incomplete beta function I(x; a, b).
fn beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp();
    if x < (a + 1.0) / (a + b + 2.0) {
        front * beta_fraction(x, a, b) / a
    } else {
        1.0 - front * beta_fraction(1.0 - x, b, a) / b
    }
}

#[expect(clippy::many_single_char_names, reason = "as the formulas name them")]
fn beta_fraction(x: f64, a: f64, b: f64) -> f64 {
    let mut c = 1.0;
    let mut d = 1.0 / away_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for index in 1..TERMS {
        let m = f64::from(index);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away_from_zero(1.0 + even * d);
        c = away_from_zero(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away_from_zero(1.0 + odd * d);
        c = away_from_zero(1.0 + odd / c);
        let step = d * c;
        fraction *= step;
        if (step - 1.0).abs() < CLOSE {
            break;
        }
    }
    fraction
}

fn away_from_zero(number: f64) -> f64 {
    if number.abs() < TINY { TINY } else { number }
}

/// How likely a standard normal variable is at least that far from 0, on either side.
pub fn normal_two_sided(z: f64) -> f64 {
    gamma_q(0.5, z * z / 2.0)
}

/// How likely Student's t with so many degrees of freedom is at least that far from 0, on either side.
pub fn student_two_sided(t: f64, degrees: f64) -> f64 {
    beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)
}

/// How likely chi-square with so many degrees of freedom is at least that large.
pub fn chi_square(x: f64, degrees: f64) -> f64 {
    gamma_q(degrees / 2.0, x / 2.0)
}

/// How far from 0 a standard normal variable is at most, with that probability.
pub fn normal_quantile(confidence: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if normal_two_sided(middle) > 1.0 - confidence { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(value: f64, expected: f64) {
        assert!((value - expected).abs() < 1e-9, "{value} is not {expected}");
    }

    /// Values of R 4: `2*pnorm(-z)`, `2*pt(-t, df)`, `pchisq(x, df, lower.tail = FALSE)`, `qnorm`.
    #[test]
    fn the_distributions_have_their_known_values() {
        near(normal_two_sided(0.0), 1.0);
        near(normal_two_sided(1.0), 0.317_310_507_862_914_1);
        near(normal_two_sided(1.959_963_984_540_054), 0.05);
        near(normal_two_sided(5.0), 5.733_031_437_583_87e-7);
        near(student_two_sided(2.0, 10.0), 0.073_388_034_770_740_4);
        near(student_two_sided(12.706_204_736_432_1, 1.0), 0.05);
        near(student_two_sided(1.0, 1.0), 0.5);
        near(chi_square(3.841_458_820_694_124, 1.0), 0.05);
        near(chi_square(13.815_510_557_964_27, 2.0), 0.001);
        near(chi_square(2.0, 2.0), (-1.0_f64).exp());
        near(normal_quantile(0.95), 1.959_963_984_540_054);
        near(normal_quantile(0.8), 1.281_551_565_544_6);
    }
}
