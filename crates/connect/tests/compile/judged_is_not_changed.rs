//! Another address under the verdict of the first.

use connect::Judged;

fn turn(mut judged: Judged) -> Judged {
    judged.address = ([127, 0, 0, 1], 80).into();
    judged
}

fn main() {
    let _ = turn;
}
