//! The corpora: how many accounts, mailboxes and messages, of which sizes; and the messages themselves. The same seed
//! gives the same octets.

use super::random::Random;

/// How large messages are, in octets.
#[derive(Clone, Copy)]
enum Sizes {
    /// As in people's mailboxes: log-normal with a median of 12 KB and a mean of 31 KB.
    Mail,
    /// About 2 KB each.
    Notes,
    /// From 1 to 10 MB.
    Attachments,
}

struct Shape {
    name: &'static str,
    accounts: usize,
    /// In each account.
    mailboxes: usize,
    /// In each account, at scale 1.
    messages: usize,
    sizes: Sizes,
}

const SHAPES: [Shape; 5] = [
    Shape { name: "small", accounts: 1, mailboxes: 12, messages: 1_500, sizes: Sizes::Mail },
    Shape { name: "mixed", accounts: 1, mailboxes: 40, messages: 20_000, sizes: Sizes::Mail },
    Shape { name: "many", accounts: 1, mailboxes: 1, messages: 100_000, sizes: Sizes::Notes },
    Shape { name: "big", accounts: 1, mailboxes: 3, messages: 300, sizes: Sizes::Attachments },
    Shape { name: "fleet", accounts: 50, mailboxes: 6, messages: 400, sizes: Sizes::Mail },
];

/// In the notation of the test harness: decoded, `/` between the levels.
const MAILBOXES: [&str; 40] = [
    "INBOX",
    "Sent",
    "Archive",
    "Lists/Développement",
    "Kunden/Müller & Söhne",
    "Projects/with space",
    "Trash",
    "Drafts",
    "Junk",
    "プロジェクト/計画",
    "Archive/2024",
    "Archive/2025",
    "Archive/2015",
    "Archive/2016",
    "Archive/2017",
    "Archive/2018",
    "Archive/2019",
    "Archive/2020",
    "Archive/2021",
    "Archive/2022",
    "Archive/2023",
    "Lists",
    "Lists/Users",
    "Lists/Users/Announcements",
    "Lists/Users/Announcements/Old",
    "Kunden",
    "Kunden/Łódź",
    "Kunden/Großhandel",
    "Projects",
    "Projects/R&D",
    "Projects/R&D/(draft)",
    "Projects/R&D/final",
    "Receipts",
    "Receipts/2024",
    "Receipts/2025",
    "Travel",
    "Travel/Ōsaka",
    "Family",
    "Family/Größe",
    "Old",
];

pub const KEYWORDS: [&str; 5] = ["$Forwarded", "NonJunk", "$label1", "$MDNSent", "todo"];

const WORDS: [&str; 32] = [
    "the", "of", "to", "in", "project", "mail", "server", "please", "find", "attached", "invoice", "meeting", "Monday",
    "report", "update", "schedule", "release", "notes", "budget", "draft", "review", "feedback", "thanks", "regards",
    "question", "answer", "customer", "order", "delay", "ticket", "résumé", "größer",
];

const DAY: i64 = 86_400;
/// The benchmark's present, in seconds since 1970: all messages arrived in the ten years before.
pub const NOW: i64 = 1_760_000_000;
/// Octets of text that message bodies are cut from.
const POOL_OCTETS: usize = 1 << 20;

/// One corpus at its scale.
pub struct Corpus {
    pub name: &'static str,
    pub accounts: usize,
    /// Each mailbox's name and how many messages it has, the same in every account.
    pub mailboxes: Vec<(&'static str, usize)>,
    sizes: Sizes,
    seed: u64,
}

impl Corpus {
    /// # Panics
    /// Where there is no corpus of that name.
    pub fn named(name: &str, scale: f64, seed: u64) -> Corpus {
        let names = SHAPES.map(|shape| shape.name).join(", ");
        let shape = SHAPES.iter().find(|shape| shape.name == name);
        let shape = shape.unwrap_or_else(|| panic!("there is no corpus {name}; there are {names}"));
        let messages = ((shape.messages as f64 * scale).round() as usize).max(shape.mailboxes);
        Corpus {
            name: shape.name,
            accounts: shape.accounts,
            mailboxes: distribute(messages, &MAILBOXES[..shape.mailboxes]),
            sizes: shape.sizes,
            seed: seed ^ name.bytes().fold(0, |seed, octet| seed * 257 + u64::from(octet)),
        }
    }

    /// One account with these mailboxes, and messages as people have them.
    pub fn of_mail(name: &'static str, mailboxes: Vec<(&'static str, usize)>, seed: u64) -> Corpus {
        Corpus { name, accounts: 1, mailboxes, sizes: Sizes::Mail, seed }
    }

    pub fn messages_of_account(&self) -> usize {
        self.mailboxes.iter().map(|(_, messages)| messages).sum()
    }

    pub fn messages(&self) -> usize {
        self.accounts * self.messages_of_account()
    }

    /// Makes the messages of one account; `further` of them are others than those it begins with.
    pub fn writer(&self, account: usize, further: bool) -> Writer {
        let seed = self.seed.wrapping_add(2 * account as u64 + u64::from(further));
        Writer::new(self.sizes, Random::new(Random::new(seed).next()))
    }
}

/// Some mailboxes are much larger than others; none is empty.
fn distribute(messages: usize, names: &[&'static str]) -> Vec<(&'static str, usize)> {
    let weights: Vec<f64> = (1..=names.len()).map(|rank| (rank as f64).powf(-0.8)).collect();
    let total: f64 = weights.iter().sum();
    let rest = messages - names.len();
    let mut counts: Vec<usize> = weights.iter().map(|weight| 1 + (rest as f64 * weight / total) as usize).collect();
    counts[0] += messages - counts.iter().sum::<usize>();
    names.iter().copied().zip(counts).collect()
}

/// A message with bare LF, as files of a Maildir have it, and what a server knows besides.
pub struct Message {
    pub octets: Vec<u8>,
    /// Seconds since 1970.
    pub date: i64,
    /// Of "DFRST", as in names of a Maildir.
    pub flags: String,
    /// Places in [`KEYWORDS`].
    pub keywords: Vec<usize>,
}

/// Writes one message after another.
pub struct Writer {
    random: Random,
    sizes: Sizes,
    text: Vec<u8>,
    letters: Vec<u8>,
    count: u64,
}

impl Writer {
    fn new(sizes: Sizes, mut random: Random) -> Writer {
        let text = pool(|| {
            let count = 1 + random.below(14);
            (0..count).map(|_| *random.pick(&WORDS)).collect::<Vec<_>>().join(" ")
        });
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let letters = pool(|| (0..76).map(|_| char::from(*random.pick(LETTERS))).collect());
        Writer { random, sizes, text, letters, count: 0 }
    }

    pub fn message(&mut self) -> Message {
        let octets = self.size();
        let random = &mut self.random;
        let age = random.share().powf(1.5);
        let date = NOW - (age * (3_650 * DAY) as f64) as i64;
        let flags = [('D', 0.01), ('F', 0.05), ('R', 0.15), ('S', 0.85), ('T', 0.003)];
        let flags = flags.iter().filter(|(_, often)| random.chance(*often)).map(|(flag, _)| *flag).collect();
        let keywords = [0.03, 0.10, 0.02, 0.01, 0.01];
        let keywords = (0..KEYWORDS.len()).filter(|keyword| random.chance(keywords[*keyword])).collect();
        Message { octets: self.octets(octets, date), date, flags, keywords }
    }

    fn size(&mut self) -> usize {
        let random = &mut self.random;
        let size = match self.sizes {
            Sizes::Mail => (12_000f64.ln() + 1.378 * random.normal()).exp(),
            Sizes::Notes => 2_048.0 + 500.0 * random.normal(),
            Sizes::Attachments => 1e6 + 9e6 * random.share(),
        };
        size.clamp(700.0, 1e7) as usize
    }

    fn octets(&mut self, size: usize, date: i64) -> Vec<u8> {
        let mut octets = self.header(date);
        let left = size.saturating_sub(octets.len());
        if left < 6_000 {
            octets.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\n\n");
            fill(&mut octets, &self.text, self.random.next(), left);
            return octets;
        }
        const BOUNDARY: &str = "=_a8f3c1";
        let start = format!("Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\n\n--{BOUNDARY}\n");
        octets.extend_from_slice(start.as_bytes());
        octets.extend_from_slice(b"Content-Type: text/plain; charset=utf-8\n\n");
        fill(&mut octets, &self.text, self.random.next(), 2_000);
        let attachment = "Content-Type: application/octet-stream; name=x.bin\nContent-Transfer-Encoding: base64\n\n";
        octets.extend_from_slice(format!("\n--{BOUNDARY}\n{attachment}").as_bytes());
        let left = size.saturating_sub(octets.len());
        fill(&mut octets, &self.letters, self.random.next(), left);
        octets.extend_from_slice(format!("\n--{BOUNDARY}--\n").as_bytes());
        octets
    }

    /// All fields but those of MIME. A few messages have no Message-ID.
    fn header(&mut self, date: i64) -> Vec<u8> {
        self.count += 1;
        let random = &mut self.random;
        let (host, id, count) = (random.below(50), random.next(), self.count);
        let subject = (0..2 + random.below(8)).map(|_| *random.pick(&WORDS)).collect::<Vec<_>>().join(" ");
        let received =
            format!("Received: from mx{host}.example.net\n\tby in.example.com with ESMTPS id {id:x}; {date}\n");
        let mut header = format!("Return-Path: <a{host}@example.org>\n{received}");
        header += &format!("From: A{host} <a{host}@example.org>\nTo: B <b@example.com>\nSubject: {count} ");
        header += &subject.replace(|character: char| !character.is_ascii(), "?");
        header += &format!("\nDate: Thu, {} Jan 2015 08:{:02}:00 +0100\n", 1 + random.below(31), random.below(60));
        if !random.chance(0.015) {
            let fold = if random.chance(0.1) { "\n " } else { " " };
            header += &format!("Message-ID:{fold}<{id:x}.{count}@h{host}.example>\n");
        }
        for number in 0..random.below(13) {
            header += &format!("X-Spam-Report-{number}: {:x} {:x}\n", random.next(), random.next());
        }
        (header + "MIME-Version: 1.0\n").into_bytes()
    }
}

/// Lines, up to [`POOL_OCTETS`].
fn pool(mut line: impl FnMut() -> String) -> Vec<u8> {
    let mut pool = Vec::with_capacity(POOL_OCTETS + 256);
    while pool.len() < POOL_OCTETS {
        pool.extend_from_slice(line().as_bytes());
        pool.push(b'\n');
    }
    pool
}

/// Appends whole lines of the pool, from one that `choice` names, until `size` octets are reached.
fn fill(octets: &mut Vec<u8>, pool: &[u8], choice: u64, size: usize) {
    let end = octets.len() + size;
    let mut lines = pool.split_inclusive(|octet| *octet == b'\n').cycle();
    for line in lines.by_ref().skip((choice % 1_000) as usize) {
        if octets.len() >= end {
            return;
        }
        octets.extend_from_slice(line);
    }
}
