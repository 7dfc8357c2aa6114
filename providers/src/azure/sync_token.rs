//! Sync-Token of App Configuration: what a client has seen, so that no replica answers with less.
//! <https://learn.microsoft.com/azure/azure-app-configuration/rest-api-consistency>. Pure.

/// Ids that are remembered; the service uses one or a few.
const MOST: usize = 16;
/// Longest header that is taken; longer ones would not be taken back.
const LONGEST: usize = 4096;

/// What was said last of one id.
#[derive(Debug)]
struct Seen {
    id: String,
    number: u64,
    value: String,
}

/// The newest value per id, the one that was heard longest ago first.
#[derive(Debug, Default)]
pub(super) struct SyncTokens(Vec<Seen>);

impl SyncTokens {
    /// Takes a header `id=value;sn=number`, or several with `,` between.
    pub(super) fn note(&mut self, header: &str) {
        if header.len() > LONGEST {
            return;
        }
        for token in header.split(',') {
            let Some((pair, number)) = token.trim().split_once(";sn=") else {
                continue;
            };
            let (Some((id, value)), Ok(number)) =
                (pair.split_once('='), number.trim().parse::<u64>())
            else {
                continue;
            };
            let plain = |text: &str| {
                text.bytes()
                    .all(|byte| byte.is_ascii_graphic() && byte != b';')
            };
            if id.is_empty() || !plain(id) || !plain(value) {
                continue;
            }
            self.newest(id, number, value);
        }
    }

    fn newest(&mut self, id: &str, number: u64, value: &str) {
        match self.0.iter().position(|seen| seen.id == id) {
            Some(place) if self.0[place].number >= number => return,
            Some(place) => drop(self.0.remove(place)),
            // One that the service no longer speaks of makes room for one that it does.
            None if self.0.len() >= MOST => drop(self.0.remove(0)),
            None => {}
        }
        self.0.push(Seen {
            id: id.to_owned(),
            number,
            value: value.to_owned(),
        });
    }

    /// The header to send, if there is anything to say.
    pub(super) fn header(&self) -> Option<String> {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|seen| format!("{}={}", seen.id, seen.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_number_of_each_id_stays() {
        let mut tokens = SyncTokens::default();
        assert_eq!(tokens.header(), None);
        tokens.note("jtqGc1I4=MDoyOA==;sn=28");
        tokens.note("jtqGc1I4=older;sn=27,other=a;sn=1");
        assert_eq!(
            tokens.header().as_deref(),
            Some("jtqGc1I4=MDoyOA==,other=a")
        );
        tokens.note("jtqGc1I4=newer;sn=29");
        assert_eq!(tokens.header().as_deref(), Some("other=a,jtqGc1I4=newer"));
        for hostile in [
            "",
            "a",
            "a=b",
            "a=b;sn=x",
            "=b;sn=1",
            "a=b\r\nx: y;sn=1",
            &"a".repeat(5000),
        ] {
            tokens.note(hostile);
        }
        assert_eq!(tokens.header().as_deref(), Some("other=a,jtqGc1I4=newer"));
    }
    #[test]
    fn a_new_id_is_remembered_however_many_came_before() {
        let mut tokens = SyncTokens::default();
        for number in 0..MOST {
            tokens.note(&format!("id{number}=a;sn=1"));
        }
        tokens.note("id0=b;sn=2");
        tokens.note("new=c;sn=1");
        let header = tokens.header().unwrap();
        let pairs: Vec<&str> = header.split(',').collect();
        assert_eq!(pairs.len(), MOST);
        assert!(pairs.ends_with(&["id0=b", "new=c"]), "{header}");
        assert!(!pairs.contains(&"id1=a"), "{header}");
    }
}
