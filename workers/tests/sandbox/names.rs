//! A stand-in for a resolver: it answers for a few names, over UDP.

use std::net::Ipv4Addr;

use tokio::net::UdpSocket;

/// Types of questions and answers.
const ADDRESS: [u8; 2] = [0, 1];

/// Bytes before the question.
const HEAD: usize = 12;

/// Answers with these names' addresses, and of any other name that there is no such one. It ends with the test's runtime.
pub(crate) fn answer(socket: UdpSocket, names: Vec<(&'static str, Ipv4Addr)>) {
    tokio::spawn(async move {
        let mut question = [0; 512];
        while let Ok((length, asker)) = socket.recv_from(&mut question).await {
            if let Some(answer) = answer_to(&question[..length], &names) {
                let _ = socket.send_to(&answer, asker).await;
            }
        }
    });
}

fn answer_to(question: &[u8], names: &[(&str, Ipv4Addr)]) -> Option<Vec<u8>> {
    let (name, end) = name_in(question)?;
    let asked = question.get(end..end + 4)?;
    let known = names.iter().find(|(known, _)| *known == name);
    let address = known.filter(|_| asked.starts_with(&ADDRESS));
    let mut answer = question[..2].to_vec();
    // An answer, without an error or with "no such name"; one question; one answer or none.
    answer.extend([
        0x81,
        if known.is_some() { 0x80 } else { 0x83 },
        0,
        1,
        0,
        address.is_some().into(),
        0,
        0,
        0,
        0,
    ]);
    answer.extend(&question[HEAD..end + 4]);
    if let Some((_, address)) = address {
        // The name that was asked for, an address in the internet, good for a second, of four bytes.
        answer.extend([0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
        answer.extend(address.octets());
    }
    Some(answer)
}

/// The name that is asked for, and where it ends.
fn name_in(question: &[u8]) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    let mut at = HEAD;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(question.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}
