//! Settings of the file (`sysctls`) that the kernel does not have, or does not change in a node.

use hallway_kernel::KernelError;
use hallway_plan::Plan;
use hallway_plan::compare::ObjectPlace;
use hallway_plan::step::{Adjustment, Op};
use hallway_spec::{SysctlKey, Topology};

use crate::failure::{Detail, FailureCode};
use crate::{Failure, Reason};

/// The failure with its reason and its place in the file, if a setting of the file caused it.
pub(super) fn explained(failure: Failure, plan: &Plan, topology: &Topology) -> Failure {
    found(&failure, plan, topology).unwrap_or(failure)
}

fn found(failure: &Failure, plan: &Plan, topology: &Topology) -> Option<Failure> {
    let (Reason::Step { position, .. }, Some(error)) = (&failure.reason, &failure.cause) else {
        return None;
    };
    let step = plan.steps.get(position.checked_sub(1)?)?;
    let Op::Adjust {
        place: ObjectPlace::Node { node, .. },
        change: Adjustment::Sysctl { key, value },
    } = &step.op
    else {
        return None;
    };
    let refused = Failure::from(Reason::Setting(detail(key, value, error)?));
    let written = topology.nodes.iter().find(|n| n.name == *node);
    Some(match written.and_then(|n| n.sysctl_places.get(key)) {
        Some(place) => refused.at(place.clone()),
        None => refused,
    })
}

fn detail(key: &SysctlKey, value: &str, error: &KernelError) -> Option<Detail> {
    let (message, help) = if error.is_not_found() {
        (
            format!("this kernel has no setting {key} in a node"),
            "remove it, or load the kernel module that has it; sysctl -a lists those that there are"
                .to_owned(),
        )
    } else if error.is_not_permitted() {
        (
            format!("{key} is a setting of the whole machine: it cannot be changed in a node"),
            format!("remove it; sysctl -w {key}={value} changes it for the machine"),
        )
    } else if error.errno == rustix::io::Errno::INVAL.raw_os_error() {
        (
            format!("the kernel does not accept {value:?} for {key}"),
            "write a value that sysctl -w accepts for it".to_owned(),
        )
    } else {
        return None;
    };
    Some(Detail {
        code: FailureCode::SettingRefused,
        message,
        help,
    })
}
