//! Small servers for the tests themselves.

use std::io::Write as _;
use std::net::TcpListener;

/// Answers every connection with the client's address, until dropped with the test.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// Listens here.
    #[must_use]
    pub fn start(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let from = stream
                    .peer_addr()
                    .map(|a| a.ip().to_string())
                    .unwrap_or_default();
                let head = "HTTP/1.0 200 OK\r\nconnection: close\r\n\r\n";
                stream.write_all(format!("{head}{from}").as_bytes()).ok();
            }
        });
        Self
    }
}
