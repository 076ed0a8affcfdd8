//! Whether the built-in models give the published vectors: `cargo run -p botbuilder-inference --example parity -- DIR`.
//!
//! DIR is the directory into which the wheels named in `files.rs` were unpacked.

use std::time::Instant;

use botbuilder_inference::{Error, Files, MiniLm, Precision, Runtime, Table};

const TEXTS: [&str; 3] = [
    "How do I reset my password?",
    "I forgot my password and cannot log in",
    "What time does the store open on Sunday?",
];
const MINILM: [[f32; 4]; 3] = [
    [0.00690, -0.06302, -0.07204, -0.03250],
    [-0.01289, 0.00319, -0.02780, -0.00241],
    [0.01695, 0.01307, -0.04982, 0.03805],
];
const TABLE: [[f32; 4]; 3] = [
    [0.22851, 0.13535, 0.10887, -0.01851],
    [0.11025, 0.03392, 0.03370, -0.00343],
    [0.02518, 0.00288, -0.09679, 0.03068],
];
/// The published figures have five digits.
const TOLERANCE: f32 = 2e-5;
/// How near the vectors computed in bytes must be to the exact ones.
const LEAST_COSINE: f32 = 0.985;
/// How often a text is computed to see how long it takes.
const ROUNDS: u32 = 200;

fn main() -> Result<(), Error> {
    let files = Files::new(std::env::args().nth(1).unwrap_or_default());
    let table = Table::load(&files)?;
    compare(Table::NAME, &table.embed(&TEXTS), TABLE)?;
    let runtime = Runtime::load(&files)?;
    let minilm = MiniLm::load(&runtime, &files, Precision::Full, 1)?;
    let exact = minilm.embed(&TEXTS)?;
    compare(MiniLm::NAME, &exact, MINILM)?;
    let in_bytes = MiniLm::load(&runtime, &files, Precision::Bytes, 1)?;
    let near = in_bytes.embed(&TEXTS)?;
    let cosine =
        |(one, other): (&Vec<f32>, &Vec<f32>)| one.iter().zip(other).map(|(a, b)| a * b).sum::<f32>();
    let least = exact.iter().zip(&near).map(cosine).fold(1.0, f32::min);
    println!("{}: cosine to the exact vectors at least {least:.4}", MiniLm::NAME_IN_BYTES);
    if least < LEAST_COSINE {
        let reason = format!("{} gives other vectors", MiniLm::NAME_IN_BYTES);
        return Err(Error::Runtime { reason });
    }
    for (name, model) in [(MiniLm::NAME, &minilm), (MiniLm::NAME_IN_BYTES, &in_bytes)] {
        let began = Instant::now();
        for _ in 0..ROUNDS {
            model.embed(&TEXTS[..1])?;
        }
        println!("{name}: {:.2} ms a text", began.elapsed().as_secs_f64() * 1e3 / f64::from(ROUNDS));
    }
    Ok(())
}

fn compare(name: &str, vectors: &[Vec<f32>], wanted: [[f32; 4]; 3]) -> Result<(), Error> {
    let pairs = vectors.iter().flat_map(|vector| vector.iter().take(4)).zip(wanted.iter().flatten());
    let apart = pairs.map(|(found, wanted)| (found - wanted).abs()).fold(0.0, f32::max);
    println!("{name}: at most {apart:.6} apart");
    if apart <= TOLERANCE {
        Ok(())
    } else {
        Err(Error::Runtime { reason: format!("{name} gives other vectors") })
    }
}
