//! Secrets and ConfigMaps as one: what JASM reads and sets of either.

use std::collections::BTreeMap;
use std::fmt::Debug;

use jasm_providers::SecretBytes;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Resource;
use kube::core::NamespaceResourceScope;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use crate::pull::request::SecretType;

/// What the two kinds have in common. Each keeps all of its fields that are not ours.
pub(super) trait Managed:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Default
    + Serialize
    + DeserializeOwned
{
    fn is_immutable(&self) -> bool;
    fn type_word(&self) -> Option<&str>;
    fn set_type(&mut self, secret_type: SecretType);
    fn data(&self) -> BTreeMap<String, SecretBytes>;
    fn set_data(&mut self, data: &BTreeMap<String, SecretBytes>);
    fn wipe(&mut self);
}

impl Managed for Secret {
    fn is_immutable(&self) -> bool {
        self.immutable == Some(true)
    }
    fn type_word(&self) -> Option<&str> {
        Some(self.type_.as_deref().unwrap_or("Opaque"))
    }
    fn set_type(&mut self, secret_type: SecretType) {
        self.type_ = Some(secret_type.as_str().to_owned());
    }
    fn data(&self) -> BTreeMap<String, SecretBytes> {
        let data = self.data.iter().flatten();
        data.map(|(key, value)| (key.clone(), SecretBytes::new(value.0.clone())))
            .collect()
    }
    fn set_data(&mut self, data: &BTreeMap<String, SecretBytes>) {
        self.wipe();
        self.data = Some(
            data.iter()
                .map(|(key, value)| (key.clone(), ByteString(value.expose().to_vec())))
                .collect(),
        );
    }
    fn wipe(&mut self) {
        for value in self.data.iter_mut().flat_map(BTreeMap::values_mut) {
            value.0.zeroize();
        }
    }
}

impl Managed for ConfigMap {
    fn is_immutable(&self) -> bool {
        self.immutable == Some(true)
    }
    fn type_word(&self) -> Option<&str> {
        None
    }
    fn set_type(&mut self, _: SecretType) {}
    fn data(&self) -> BTreeMap<String, SecretBytes> {
        let text = self
            .data
            .iter()
            .flatten()
            .map(|(key, value)| (key.clone(), SecretBytes::from(value.clone())));
        let binary = self.binary_data.iter().flatten();
        text.chain(binary.map(|(key, value)| (key.clone(), SecretBytes::new(value.0.clone()))))
            .collect()
    }
    fn set_data(&mut self, data: &BTreeMap<String, SecretBytes>) {
        let (mut text, mut binary) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in data {
            match std::str::from_utf8(value.expose()) {
                Ok(value) => {
                    text.insert(key.clone(), value.to_owned());
                }
                Err(_) => {
                    binary.insert(key.clone(), ByteString(value.expose().to_vec()));
                }
            }
        }
        self.data = (!text.is_empty()).then_some(text);
        self.binary_data = (!binary.is_empty()).then_some(binary);
    }
    fn wipe(&mut self) {}
}
