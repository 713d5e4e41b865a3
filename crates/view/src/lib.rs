//! Views of what the planner decided: pictures of a project ([`graph`]), a plan as a shell
//! script ([`shell`]), aligned columns ([`table`]) and the file format of packet captures
//! ([`pcap`]). Pure: values in, text or bytes out.

pub mod graph;
pub mod pcap;
pub mod shell;
pub mod table;
