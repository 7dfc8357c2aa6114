//! A pack of objects (`gitformat-pack`), whole in memory, under caps. Pure.

use std::collections::HashMap;
use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;
use sha1_checked::{Digest as _, Sha1};
use zeroize::Zeroizing;

use crate::push::source::files::Caps;
use crate::push::source::git::checkout::Fault;
use crate::push::source::git::object::{Kind, Oid};

/// The objects of one or more packs by name.
#[derive(Default)]
pub(super) struct Objects {
    found: HashMap<Oid, Object>,
    /// How many were too large to be kept.
    large: usize,
    /// Bytes that were unpacked for them.
    unpacked: u64,
    /// Bytes of memory that they take, about.
    held: u64,
}

/// What an object takes in memory beside its content, in bytes, about.
const OBJECT: u64 = 100;

struct Object {
    kind: Kind,
    content: Zeroizing<Vec<u8>>,
}

/// What an entry of a pack is made of.
enum Base {
    /// Itself.
    Whole(Kind),
    /// A change of the entry that begins here.
    Offset(usize),
    /// A change of an object that is in the pack as well.
    Named(Oid),
}

/// An entry whose base is not known yet.
struct Pending {
    offset: usize,
    delta: Zeroizing<Vec<u8>>,
}

fn broken() -> Fault {
    Fault::Broken("the pack is cut short or damaged: nothing of it is taken".into())
}

impl Objects {
    pub(super) fn get(&self, id: &Oid, kind: Kind) -> Option<&[u8]> {
        let object = self.found.get(id).filter(|object| object.kind == kind)?;
        Some(&object.content)
    }

    /// Takes a file's content out.
    pub(super) fn take(&mut self, id: &Oid) -> Option<Vec<u8>> {
        self.get(id, Kind::Blob)?;
        let mut object = self.found.remove(id)?;
        Some(std::mem::take(&mut *object.content))
    }

    pub(super) fn contains(&self, id: &Oid) -> bool {
        self.found.contains_key(id)
    }

    /// Whether there were any that were too large to be kept.
    pub(super) fn has_large(&self) -> bool {
        self.large > 0
    }

    /// Bytes of memory that they take, about.
    pub(super) fn held(&self) -> u64 {
        self.held
    }

    /// Adds the objects of a pack; `keeps` is told how many bytes are held so far, and can end it.
    pub(super) fn read(
        &mut self,
        pack: &[u8],
        caps: &Caps,
        mut keeps: impl FnMut(u64) -> Result<(), String>,
    ) -> Result<(), Fault> {
        if pack.len() as u64 > caps.packed {
            return Err(Fault::Content(caps.packed_exceeded("the commit")));
        }
        let (body, checksum) = pack
            .split_at_checked(pack.len().saturating_sub(20))
            .ok_or_else(broken)?;
        if Sha1::digest(body)[..] != *checksum {
            return Err(broken());
        }
        let count = match body.split_at_checked(12) {
            Some(([b'P', b'A', b'C', b'K', 0, 0, 0, 2 | 3, count @ ..], _)) => {
                let count: [u8; 4] = count.try_into().map_err(|_| broken())?;
                u32::from_be_bytes(count)
            }
            _ => return Err(broken()),
        };
        if count > caps.entries {
            return Err(Fault::Content(caps.entries_exceeded("the commit")));
        }
        let mut resolving = Resolving {
            objects: self,
            caps,
            by_offset: HashMap::new(),
            on_offset: HashMap::new(),
            on_name: HashMap::new(),
            waiting: 0,
        };
        let mut at = 12;
        for _ in 0..count {
            at = resolving.entry(body, at)?;
            keeps(resolving.held()).map_err(Fault::Room)?;
        }
        if at != body.len() {
            return Err(broken());
        }
        resolving.finish()
    }

    fn add(&mut self, kind: Kind, content: Zeroizing<Vec<u8>>, caps: &Caps) -> Result<Oid, Fault> {
        let id = Oid::of(kind, &content).map_err(Fault::Broken)?;
        self.held += content.len() as u64 + OBJECT;
        if self.held > caps.held {
            return Err(Fault::Content(caps.held_exceeded("the commit")));
        }
        self.found.insert(id, Object { kind, content });
        Ok(id)
    }

    /// Makes an object of another one and a change; none if it, or the other one, is too large.
    fn change(
        &mut self,
        base: Option<Oid>,
        delta: &[u8],
        caps: &Caps,
    ) -> Result<Option<Oid>, Fault> {
        let size = result_size(delta).ok_or_else(broken)?;
        let Some(base) = base.filter(|_| size <= caps.file) else {
            return Ok(None);
        };
        self.count(size, caps)?;
        let object = self.found.get(&base).ok_or_else(broken)?;
        let content = patched(&object.content, delta).ok_or_else(broken)?;
        let kind = object.kind;
        self.add(kind, content, caps).map(Some)
    }

    fn count(&mut self, bytes: u64, caps: &Caps) -> Result<(), Fault> {
        self.unpacked += bytes;
        if self.unpacked > caps.unpacked {
            return Err(Fault::Content(caps.unpacked_exceeded("the commit")));
        }
        Ok(())
    }
}

struct Resolving<'a> {
    objects: &'a mut Objects,
    caps: &'a Caps,
    /// What an entry became; none if it is too large.
    by_offset: HashMap<usize, Option<Oid>>,
    /// Who waits for an entry.
    on_offset: HashMap<usize, Vec<Pending>>,
    /// Who waits for an object.
    on_name: HashMap<Oid, Vec<Pending>>,
    /// Bytes of what waits.
    waiting: u64,
}

impl Resolving<'_> {
    fn held(&self) -> u64 {
        self.objects.held + self.waiting
    }

    /// Reads the entry that begins at `offset`; where the next one begins.
    fn entry(&mut self, body: &[u8], offset: usize) -> Result<usize, Fault> {
        let mut at = offset;
        let (kind, size) = header(body, &mut at).ok_or_else(broken)?;
        let base = match kind {
            1 => Base::Whole(Kind::Commit),
            2 => Base::Whole(Kind::Tree),
            3 => Base::Whole(Kind::Blob),
            4 => Base::Whole(Kind::Tag),
            6 => {
                let back = distance(body, &mut at).ok_or_else(broken)?;
                Base::Offset(
                    offset
                        .checked_sub(back)
                        .filter(|_| back > 0)
                        .ok_or_else(broken)?,
                )
            }
            7 => {
                let id = body.get(at..at + 20).ok_or_else(broken)?;
                at += 20;
                Base::Named(Oid(id.try_into().map_err(|_| broken())?))
            }
            _ => return Err(broken()),
        };
        self.objects.count(size, self.caps)?;
        let keep = size <= self.caps.file;
        let (content, read) = inflate(&body[at..], size, keep).map_err(|_| broken())?;
        let pending = |delta| Pending { offset, delta };
        match (base, keep) {
            (_, false) => self.settle(offset, None)?,
            (Base::Whole(kind), true) => {
                let id = self.objects.add(kind, content, self.caps)?;
                self.settle(offset, Some(id))?;
            }
            (Base::Offset(base), true) => match self.by_offset.get(&base).copied() {
                Some(base) => self.change(base, &pending(content))?,
                None => {
                    self.waiting += content.len() as u64 + OBJECT;
                    let waiting = self.on_offset.entry(base).or_default();
                    waiting.push(pending(content));
                }
            },
            (Base::Named(id), true) if self.objects.contains(&id) => {
                self.change(Some(id), &pending(content))?;
            }
            (Base::Named(id), true) => {
                self.waiting += content.len() as u64 + OBJECT;
                self.on_name.entry(id).or_default().push(pending(content));
            }
        }
        Ok(at + read)
    }

    fn change(&mut self, base: Option<Oid>, pending: &Pending) -> Result<(), Fault> {
        let made = self.objects.change(base, &pending.delta, self.caps)?;
        self.settle(pending.offset, made)
    }

    /// Says what an entry became, and makes what waited for it; none if it is too large.
    fn settle(&mut self, offset: usize, made: Option<Oid>) -> Result<(), Fault> {
        // A chain of changes can be as long as the pack: no recursion over it.
        let mut settled = vec![(offset, made)];
        while let Some((offset, made)) = settled.pop() {
            self.by_offset.insert(offset, made);
            let mut waiting = self.on_offset.remove(&offset).unwrap_or_default();
            match made {
                Some(id) => waiting.extend(self.on_name.remove(&id).unwrap_or_default()),
                None => self.objects.large += 1,
            }
            for pending in waiting {
                self.waiting -= pending.delta.len() as u64 + OBJECT;
                let next = self.objects.change(made, &pending.delta, self.caps)?;
                settled.push((pending.offset, next));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(), Fault> {
        // Of an object that was too large to be given a name.
        let unnamed = self.on_name.values().map(Vec::len).sum::<usize>();
        if !self.on_offset.is_empty() || (unnamed > 0 && self.objects.large == 0) {
            return Err(broken());
        }
        self.objects.large += unnamed;
        Ok(())
    }
}

/// Kind and size of an entry: seven bits a byte, four in the first one.
fn header(body: &[u8], at: &mut usize) -> Option<(u8, u64)> {
    let first = *body.get(*at)?;
    *at += 1;
    let mut size = u64::from(first & 0x0f);
    let mut more = first & 0x80 != 0;
    let mut shift = 4;
    while more {
        let byte = *body.get(*at)?;
        *at += 1;
        size |= u64::from(byte & 0x7f)
            .checked_shl(shift)
            .filter(|_| shift < 57)?;
        shift += 7;
        more = byte & 0x80 != 0;
    }
    Some(((first >> 4) & 7, size))
}

/// How far back the base of a change is.
fn distance(body: &[u8], at: &mut usize) -> Option<usize> {
    let mut value: usize = 0;
    for turn in 0.. {
        let byte = *body.get(*at)?;
        *at += 1;
        if turn > 0 {
            value = value.checked_add(1)?;
        }
        value = value
            .checked_mul(128)?
            .checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(value)
}

/// Inflates what begins here to exactly so many bytes; also how many bytes it took.
fn inflate(input: &[u8], size: u64, keep: bool) -> io::Result<(Zeroizing<Vec<u8>>, usize)> {
    let mut decoder = ZlibDecoder::new(input);
    // What is claimed is not believed beyond the first piece of memory.
    let room = usize::try_from(size.min(1 << 20)).unwrap_or_default();
    let mut content = Zeroizing::new(Vec::new());
    let read = if keep {
        content.reserve_exact(room);
        (&mut decoder).take(size).read_to_end(&mut content)? as u64
    } else {
        io::copy(&mut (&mut decoder).take(size), &mut io::sink())?
    };
    // One more read sees the checksum, and that nothing comes after.
    if read != size || decoder.read(&mut [0; 1])? != 0 {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let taken = usize::try_from(decoder.total_in()).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok((content, taken))
}

fn varint(delta: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    let mut shift = 0;
    loop {
        let byte = *delta.get(*at)?;
        *at += 1;
        value |= u64::from(byte & 0x7f)
            .checked_shl(shift)
            .filter(|_| shift < 57)?;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
}

/// Bytes of what a change makes.
fn result_size(delta: &[u8]) -> Option<u64> {
    let mut at = 0;
    varint(delta, &mut at)?;
    varint(delta, &mut at)
}

/// A change applied to its base; none if it does not fit.
fn patched(base: &[u8], delta: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut at = 0;
    if varint(delta, &mut at)? != base.len() as u64 {
        return None;
    }
    let size = usize::try_from(varint(delta, &mut at)?).ok()?;
    let mut out = Zeroizing::new(Vec::with_capacity(size));
    while let Some(code) = delta.get(at).copied() {
        at += 1;
        let piece = if code & 0x80 != 0 {
            let mut number = |first: u32, count: u32| {
                let mut value = 0;
                for bit in 0..count {
                    if code & (1 << (first + bit)) != 0 {
                        value |= usize::from(*delta.get(at)?) << (8 * bit);
                        at += 1;
                    }
                }
                Some(value)
            };
            let from = number(0, 4)?;
            let length = match number(4, 3)? {
                0 => 0x10000,
                length => length,
            };
            base.get(from..from.checked_add(length)?)?
        } else {
            // Zero is kept for later versions.
            let length = usize::from(code);
            let piece = delta.get(at..at + length).filter(|_| length > 0)?;
            at += length;
            piece
        };
        if out.len() + piece.len() > size {
            return None;
        }
        out.extend_from_slice(piece);
    }
    (out.len() == size).then_some(out)
}

#[cfg(test)]
mod tests;
