//! Changes to a file that keep most of its structure, so that the readers get past the first line.

use proptest::prelude::*;

/// One change. Positions are taken modulo what is there.
#[derive(Debug, Clone)]
pub(crate) enum Mutation {
    /// Removes a line.
    Drop(usize),
    /// Writes a line a second time, elsewhere.
    Repeat(usize, usize),
    /// Puts lines of another file in.
    Splice { file: usize, from: usize, lines: usize, at: usize },
    /// Puts a word of the language in, anywhere.
    Insert(&'static str, usize),
    /// Sets a byte.
    Byte(u8, usize),
    /// Cuts the file off.
    Cut(usize),
    /// Joins two lines.
    Join(usize),
    /// Ends all lines as Windows does.
    Windows,
}

const WORDS: [&str; 44] = [
    "FROM ",
    "FROM b AS b\n",
    "RUN ",
    "COPY --from=build ",
    "ADD ",
    "ENV A=",
    "ARG X\n",
    "ONBUILD ",
    "USER ",
    "CMD ",
    "ENTRYPOINT [",
    "HEALTHCHECK NONE\n",
    "SHELL [\"a\"]\n",
    "--mount=type=bind,from=build ",
    "--mount=type=cache,target=/ ",
    "<<EOF",
    "<<-'E'",
    "EOF\n",
    "\\\n",
    "`\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "# escape=`\n",
    "#",
    "\"",
    "'",
    "$",
    "${A:-${B",
    "${A##*}",
    "$(",
    ")",
    "&&",
    "||",
    ";",
    "sh -c '",
    "exec ",
    "apt-get update",
    "pip install -r ",
    "*",
    "**/",
    "!",
    "\u{feff}",
];

pub(crate) fn mutations(files: usize) -> impl Strategy<Value = Mutation> {
    let at = 0..10_000_usize;
    prop_oneof![
        1 => at.clone().prop_map(Mutation::Drop),
        1 => (at.clone(), at.clone()).prop_map(|(from, to)| Mutation::Repeat(from, to)),
        1 => (0..files, at.clone(), 1..6_usize, at.clone())
            .prop_map(|(file, from, lines, at)| Mutation::Splice { file, from, lines, at }),
        3 => (prop::sample::select(WORDS.to_vec()), at.clone()).prop_map(|(word, at)| Mutation::Insert(word, at)),
        1 => (any::<u8>(), at.clone()).prop_map(|(byte, at)| Mutation::Byte(byte, at)),
        1 => at.clone().prop_map(Mutation::Cut),
        1 => at.prop_map(Mutation::Join),
        1 => Just(Mutation::Windows),
    ]
}

pub(crate) fn mutated(file: &[u8], steps: &[Mutation], files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = file.to_vec();
    for step in steps {
        if bytes.is_empty() {
            bytes.push(b'\n');
        }
        let length = bytes.len();
        match step {
            Mutation::Insert(word, at) => {
                bytes.splice(at % (length + 1)..at % (length + 1), word.bytes());
            }
            Mutation::Byte(byte, at) => bytes[at % length] = *byte,
            Mutation::Cut(at) => bytes.truncate(at % length),
            _ => {
                let mut lines: Vec<Vec<u8>> =
                    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
                with_lines(&mut lines, step, files);
                bytes = lines.concat();
            }
        }
    }
    bytes
}

fn with_lines(lines: &mut Vec<Vec<u8>>, step: &Mutation, files: &[Vec<u8>]) {
    let count = lines.len();
    match step {
        Mutation::Drop(at) => {
            lines.remove(at % count);
        }
        Mutation::Repeat(from, to) => {
            let line = lines[from % count].clone();
            lines.insert(to % (count + 1), line);
        }
        Mutation::Splice { file, from, lines: taken, at } => {
            let other: Vec<&[u8]> = files[*file].split_inclusive(|byte| *byte == b'\n').collect();
            let start = from % other.len().max(1);
            let part: Vec<Vec<u8>> =
                other.iter().skip(start).take(*taken).map(|line| line.to_vec()).collect();
            let at = at % (count + 1);
            lines.splice(at..at, part);
        }
        Mutation::Join(at) => {
            let line = &mut lines[at % count];
            while line.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
                line.pop();
            }
        }
        Mutation::Windows => {
            for line in lines {
                if line.ends_with(b"\n") && !line.ends_with(b"\r\n") {
                    line.insert(line.len() - 1, b'\r');
                }
            }
        }
        Mutation::Insert(..) | Mutation::Byte(..) | Mutation::Cut(_) => {}
    }
}
