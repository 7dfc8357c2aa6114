//! A program that ends in the middle of a write, and the one that comes after it; rights that are missing.

use jasm_fakes::Fault;
use jasm_providers::sink::{Held, Holder, Owner, Put, WriteError};
use jasm_providers::{ErrorKind, Sink};

use super::{Ground, clouds, listed, owner, put, tells};
use crate::support::{assert_clean, soon};

/// Runs a case before each store that faults can be played before.
macro_rules! each {
    ($($case:ident)*) => {
        $(mod $case {
            use super::clouds::{Parameters, Secrets, Settings, Vault};

            #[tokio::test]
            async fn gcp_secret_manager() {
                super::super::$case(&Secrets::new().await).await;
            }

            #[tokio::test]
            async fn gcp_parameter_manager() {
                super::super::$case(&Parameters::new().await).await;
            }

            #[tokio::test]
            async fn azure_key_vault() {
                super::super::$case(&Vault::new().await).await;
            }

            #[tokio::test]
            async fn azure_app_configuration() {
                super::super::$case(&Settings::new(None).await).await;
            }
        })*
    };
}

mod stores {
    use super::clouds;

    each! {
        every_step_can_be_the_last
        a_right_that_is_missing_is_named
        what_others_wrote_beside_the_mark_stays
    }
}

/// What whoever writes does with one entry: looks at the list, and at the entry where the list does not tell.
async fn push(sink: &dyn Sink, put: &Put, owner: &Owner) -> Result<(), WriteError> {
    let mut held = listed(sink, &put.name, owner).await;
    for _ in 0..4 {
        let result = match &held {
            None => sink.create(put, owner, soon()).await,
            Some(held) if tells(held, put) => return Ok(()),
            Some(held) => write(sink, held, put, owner).await,
        };
        match result {
            Err(WriteError::Exists | WriteError::Changed) => {}
            result => return result,
        }
        held = match sink.holder(&put.name, owner, soon()).await? {
            Holder::Owner(held) => Some(held),
            Holder::Nobody => None,
            other => panic!("{other:?}"),
        };
    }
    panic!("it does not come to an end")
}

async fn write(sink: &dyn Sink, held: &Held, put: &Put, owner: &Owner) -> Result<(), WriteError> {
    if held.fingerprint.is_none() && held.value.is_none() {
        let value = sink.read(&[&put.name], soon()).await.remove(0)?;
        if value == put.value {
            return sink.remark(held, put, owner, soon()).await;
        }
    }
    sink.update(held, put, owner, soon()).await
}

/// After each number of writes nothing more is answered: done or not, the next run completes it, and each
/// value is one version.
pub(crate) async fn every_step_can_be_the_last(ground: &dyn Ground) {
    let (sink, mine) = (ground.sink(), owner("config"));
    let (faults, paths) = ground.faults().unwrap();
    let pattern = format!("WRITE {paths}");
    // The first token, and whatever else is had once.
    sink.held(&mine, soon()).await.unwrap();
    for lost in [false, true] {
        for steps in 0..4 {
            let name = ground.name(&format!("{}{steps}", u8::from(lost)));
            let values = ["one", "two", "one"].map(|value| put(&name, value));
            for (number, put) in values.iter().enumerate() {
                if steps > 0 {
                    faults.play(
                        &pattern,
                        Fault::Late(std::time::Duration::ZERO),
                        Some(steps),
                    );
                }
                if lost {
                    faults.play(&pattern, Fault::Cut, Some(1));
                }
                faults.play(&pattern, Fault::status(503), None);
                // The program ends here, whatever it was told.
                let first = push(&*sink, put, &mine).await;
                faults.clear();
                if let Err(WriteError::Failed(error)) = &first {
                    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
                    assert_clean(error);
                }
                push(&*sink, put, &mine).await.unwrap();
                assert_eq!(
                    ground.versions(&name).await,
                    number + 1,
                    "{steps} {lost} {number}"
                );
                let found = ground.value(&name).await;
                assert_eq!(found.as_deref(), Some(put.value.expose()), "{steps} {lost}");
                let held = listed(&*sink, &name, &mine).await.unwrap();
                assert!(tells(&held, put), "{steps} {lost} {number}");
            }
        }
    }
    // A value that is taken back before the next run: the one that was begun does not stay.
    for steps in 1..4 {
        let name = ground.name(&format!("b{steps}"));
        let (one, two) = (put(&name, "one"), put(&name, "two"));
        push(&*sink, &one, &mine).await.unwrap();
        faults.play(
            &pattern,
            Fault::Late(std::time::Duration::ZERO),
            Some(steps),
        );
        faults.play(&pattern, Fault::status(503), None);
        let _ = push(&*sink, &two, &mine).await;
        faults.clear();
        push(&*sink, &one, &mine).await.unwrap();
        let found = ground.value(&name).await;
        assert_eq!(found.as_deref(), Some(one.value.expose()), "{steps}");
        let held = listed(&*sink, &name, &mine).await.unwrap();
        assert!(tells(&held, &one), "{steps}");
    }
    // What is deleted in part is deleted by the next run.
    for steps in 0..4 {
        let name = ground.name(&format!("c{steps}"));
        for value in ["one", "two"] {
            push(&*sink, &put(&name, value), &mine).await.unwrap();
        }
        let held = listed(&*sink, &name, &mine).await.unwrap();
        if steps > 0 {
            faults.play(
                &pattern,
                Fault::Late(std::time::Duration::ZERO),
                Some(steps),
            );
        }
        faults.play(&pattern, Fault::status(503), None);
        let _ = sink.delete(&held, &mine, soon()).await;
        faults.clear();
        if let Some(held) = listed(&*sink, &name, &mine).await {
            assert!(steps == 0 || !tells(&held, &put(&name, "two")), "{steps}");
            sink.delete(&held, &mine, soon()).await.unwrap();
        }
        assert_eq!(listed(&*sink, &name, &mine).await, None, "{steps}");
        assert_eq!(ground.value(&name).await, None, "{steps}");
    }
}

pub(crate) async fn a_right_that_is_missing_is_named(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    sink.create(&put(&name, "one"), &mine, soon())
        .await
        .unwrap();
    let role = ground.deny().unwrap();
    let held = listed(&*sink, &name, &mine).await.unwrap();
    let refused = [
        sink.create(&put(&ground.name("b"), "one"), &mine, soon())
            .await,
        sink.update(&held, &put(&name, "two"), &mine, soon()).await,
        sink.delete(&held, &mine, soon()).await,
    ];
    for refused in refused {
        let Err(WriteError::Failed(error)) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(error.kind, ErrorKind::Denied, "{error}");
        assert!(error.message.contains(role), "{error}");
        assert!(error.message.contains("writes this store"), "{error}");
        assert_clean(&error);
    }
    assert_eq!(ground.versions(&name).await, 1);
    assert_eq!(ground.value(&ground.name("b")).await, None);
}

pub(crate) async fn what_others_wrote_beside_the_mark_stays(ground: &dyn Ground) {
    let (sink, mine, name) = (ground.sink(), owner("config"), ground.name("a"));
    sink.create(&put(&name, "one"), &mine, soon())
        .await
        .unwrap();
    assert_eq!(ground.beside(&name).await, Some(false));
    for value in ["two", "three"] {
        push(&*sink, &put(&name, value), &mine).await.unwrap();
        assert_eq!(ground.beside(&name).await, Some(true));
    }
}
