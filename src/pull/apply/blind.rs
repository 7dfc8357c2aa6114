//! Writing where nothing may be read: POST, and where the name is taken a PUT without a version.
//!
//! What keeps such a PUT from an object of others is the admission policy of
//! `config/components/admission-policy`, so nothing is replaced unless that is seen to be in force
//! right before: a trial POST of an object without our label must be refused in its words. It is
//! not trusted for longer, since whoever removes the policy does not tell JASM.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::PostParams;

use super::managed::Managed;
use super::refusal::CallError;
use super::{Applied, Change, Desired, Manner, OURS, Objects, fill, version};
use crate::pull::condition::{Condition, Failure};
use crate::pull::merge::Existing;
use crate::pull::request::{ObjectKind, Target};

/// A name that is used for trials only; nothing of that name is ever made.
const TRIAL: &str = "jasm-trial-of-the-admission-policy";

impl Objects {
    /// True if an object of that name is there, whoever's it is: the name is taken.
    ///
    /// # Errors
    /// If the API server does not tell.
    pub async fn is_there(&self, target: &Target) -> Result<bool, Failure> {
        let result = match target.kind {
            ObjectKind::Secret => self.try_create::<Secret>(target, &target.name, true).await,
            ObjectKind::ConfigMap => {
                self.try_create::<ConfigMap>(target, &target.name, true)
                    .await
            }
        };
        match result {
            Ok(()) => Ok(false),
            Err(CallError::Api { code: 409, .. }) => Ok(true),
            Err(error) => Err(error.failure("create", target)),
        }
    }

    /// Creates nothing: asks what would come of it.
    async fn try_create<T: Managed>(
        &self,
        target: &Target,
        name: &str,
        labelled: bool,
    ) -> Result<(), CallError> {
        let mut object = T::default();
        let meta = object.meta_mut();
        meta.name = Some(name.to_owned());
        if labelled {
            meta.labels
                .get_or_insert_default()
                .insert(OURS.0.to_owned(), OURS.1.to_owned());
        }
        let parameters = PostParams {
            dry_run: true,
            field_manager: None,
        };
        let api: Api<T> = self.api(target);
        self.call("try", target, api.create(&parameters, &object))
            .await
            .map(|_| ())
    }

    pub(super) async fn replace<T: Managed>(
        &self,
        target: &Target,
        how: Manner,
        mut desired: impl FnMut(Option<&Existing>) -> Result<Desired, Failure>,
    ) -> Result<Applied, Failure> {
        let api: Api<T> = self.api(target);
        let parameters = PostParams::default();
        let mut object = T::default();
        fill(&mut object, target, &desired(None)?, true);
        let created = self
            .call("create", target, api.create(&parameters, &object))
            .await;
        let done = |change, mut written: T| {
            written.wipe();
            Applied {
                change,
                owners_refused: None,
                version: version(written.meta()),
            }
        };
        let result = match created {
            Ok(created) => Ok(done(Change::Created, created)),
            // What is there holds what could not be read this time: it stays as it is.
            Err(CallError::Api { code: 409, .. }) if !how.complete => {
                Ok(done(Change::Unchanged, T::default()))
            }
            Err(CallError::Api { code: 409, .. }) => match self.guarded::<T>(target).await {
                Err(failure) => Err(failure),
                Ok(()) => self
                    .call(
                        "update",
                        target,
                        api.replace(&target.name, &parameters, &object),
                    )
                    .await
                    .map(|updated| done(Change::Updated, updated))
                    .map_err(|error| error.failure("update", target)),
            },
            Err(error) => Err(error.failure("create", target)),
        };
        object.wipe();
        result
    }

    /// Sees whether the API server itself keeps JASM from what is not its own.
    async fn guarded<T: Managed>(&self, target: &Target) -> Result<(), Failure> {
        match self.try_create::<T>(target, TRIAL, false).await {
            Err(CallError::Api { guarded: true, .. }) => Ok(()),
            Err(error @ (CallError::Unreachable | CallError::Late)) => {
                Err(error.failure("create", target))
            }
            Ok(()) | Err(CallError::Api { .. }) => Err(Failure::new(
                Condition::Unguarded,
                format!(
                    "{target} is there already and may not be read (rights: write-only), and the admission policy that \
                     keeps JASM from the objects of others is not in force in {}: apply config/components/admission-policy; \
                     it is tried again while a pod waits",
                    target.namespace
                ),
            )),
        }
    }
}
