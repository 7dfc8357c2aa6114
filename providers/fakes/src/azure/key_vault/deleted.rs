//! Soft delete: what is deleted stays for 90 days, and its name is taken.

use serde_json::{Value as Json, json};

use super::secrets::Secret;
use super::{Call, Refusal, shape};
use crate::Answer;
use crate::lock::lock;
use crate::time::unix_now;

const RETENTION: u64 = 90 * 86_400;

pub(super) fn delete(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let key = call.may("deleteSecret", name)?;
    let mut vaults = lock(&call.store.vaults);
    let secret = vaults
        .live
        .get_mut(call.vault)
        .and_then(|vault| vault.remove(&key));
    let secret = secret.ok_or_else(|| Refusal::missing(name))?;
    let answer = Answer::json(200, &deleted(call, &secret));
    vaults
        .deleted
        .entry(call.vault.to_owned())
        .or_default()
        .insert(key, secret);
    Ok(answer)
}

pub(super) fn get(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let key = call.may("getDeletedSecret", name)?;
    let vaults = lock(&call.store.vaults);
    let secret = vaults
        .deleted
        .get(call.vault)
        .and_then(|vault| vault.get(&key));
    Ok(Answer::json(
        200,
        &deleted(call, secret.ok_or_else(|| Refusal::missing(name))?),
    ))
}

pub(super) fn purge(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let key = call.may("purgeSecret", name)?;
    let mut vaults = lock(&call.store.vaults);
    let secret = vaults
        .deleted
        .get_mut(call.vault)
        .and_then(|vault| vault.remove(&key));
    secret
        .map(|_| Answer::new(204))
        .ok_or_else(|| Refusal::missing(name))
}

pub(super) fn recover(call: &Call<'_>, name: &str) -> Result<Answer, Refusal> {
    let key = call.may("recoverDeletedSecret", name)?;
    let mut vaults = lock(&call.store.vaults);
    let secret = vaults
        .deleted
        .get_mut(call.vault)
        .and_then(|vault| vault.remove(&key));
    let secret = secret.ok_or_else(|| Refusal::missing(name))?;
    let shape = secret
        .find(None)
        .map(|version| shape::item(call.vault, &secret.name, version, true));
    vaults
        .live
        .entry(call.vault.to_owned())
        .or_default()
        .insert(key, secret);
    Ok(Answer::json(200, &shape.unwrap_or_default()))
}

fn deleted(call: &Call<'_>, secret: &Secret) -> Json {
    let mut shape = secret
        .find(None)
        .map(|version| shape::item(call.vault, &secret.name, version, true))
        .unwrap_or_else(|| json!({}));
    let now = unix_now();
    shape["recoveryId"] = json!(format!(
        "https://{}.vault.azure.net/deletedsecrets/{}",
        call.vault, secret.name
    ));
    shape["deletedDate"] = json!(now);
    shape["scheduledPurgeDate"] = json!(now + RETENTION);
    shape
}
