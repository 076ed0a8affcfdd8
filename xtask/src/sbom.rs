//! `cargo xtask sbom`: what the program is built upon, as a bill of materials that scanners read (`CycloneDX` 1.6).
//!
//! `Cargo.lock` is the inventory; this only writes it in another form, with the digest of every package. A package that
//! comes from anywhere but the one registry is refused.

use std::{collections::BTreeSet, fs};

use crate::shell::{self, Outcome, say};

/// One package of the lock file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Package {
    name: String,
    version: String,
    /// Where it comes from; nothing for our own.
    source: Option<String>,
    /// SHA-256 of its archive.
    checksum: Option<String>,
}

/// Writes it.
pub fn run(_: &[String]) -> Outcome {
    let packages = packages(&fs::read_to_string(shell::root().join("Cargo.lock"))?);
    let path = shell::target().join("sbom.cdx.json");
    fs::write(&path, document(&packages)?)?;
    say(&format!("{} packages in {}", packages.len(), path.display()));
    Ok(())
}

/// The packages of a lock file.
fn packages(text: &str) -> Vec<Package> {
    let mut packages = Vec::new();
    for line in text.lines() {
        if line == "[[package]]" {
            packages.push(Package::default());
        }
        let (Some((key, value)), Some(package)) = (line.split_once(" = "), packages.last_mut()) else {
            continue;
        };
        let value = value.trim_matches('"').to_owned();
        match key {
            "name" => package.name = value,
            "version" => package.version = value,
            "source" => package.source = Some(value),
            "checksum" => package.checksum = Some(value),
            _ => {}
        }
    }
    packages
}

/// The bill of materials. Names and versions of packages hold nothing that JSON escapes.
fn document(packages: &[Package]) -> Outcome<String> {
    let sources: BTreeSet<&str> = packages.iter().filter_map(|package| package.source.as_deref()).collect();
    if sources.len() > 1 {
        return Err(format!("packages come from several places: {sources:?}").into());
    }
    let mut components = Vec::new();
    for package in packages.iter().filter(|package| package.source.is_some()) {
        let Package { name, version, checksum, .. } = package;
        let checksum = checksum.as_deref().ok_or_else(|| format!("{name} {version} has no digest"))?;
        components.push(format!(
            r#"{{"type":"library","name":"{name}","version":"{version}","purl":"pkg:cargo/{name}@{version}","hashes":[{{"alg":"SHA-256","content":"{checksum}"}}]}}"#
        ));
    }
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"metadata":{{"component":{{"type":"application","name":"botbuilder","version":"{version}"}}}},"components":[
{}
]}}
"#,
        components.join(",\n")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_build_upon_comes_from_one_registry_with_digests() {
        let packages = packages(include_str!("../../Cargo.lock"));
        let document = document(&packages).unwrap();
        let others = packages.iter().filter(|package| package.source.is_some()).count();
        assert!(others > 100);
        assert_eq!(document.matches(r#""alg":"SHA-256""#).count(), others);
        assert!(document.contains(r#""purl":"pkg:cargo/rustls@"#));
        assert!(!document.contains("pkg:cargo/botbuilder"), "our own are not built upon");
    }

    #[test]
    fn a_package_from_elsewhere_or_without_a_digest_is_refused() {
        let package = |source: &str, checksum: Option<&str>| Package {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
            source: Some(source.to_owned()),
            checksum: checksum.map(str::to_owned),
        };
        assert!(document(&[package("registry", Some("00")), package("registry", Some("01"))]).is_ok());
        assert!(document(&[package("registry", Some("00")), package("git", Some("01"))]).is_err());
        assert!(document(&[package("registry", None)]).is_err());
    }
}
