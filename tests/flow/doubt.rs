//! The final dot left and no reply came.

use candor::delivery::Until;
use candor::domain::outcome::Phase;
use candor::smtp::inbox::script::for_mailbox;
use candor::smtp::inbox::{Action, Moment, Received, Step};

use crate::house::{C, Config, House, people, scripted};
use crate::judge::judge;

const SECOND: &str = "p2@example.org";

fn copies(taken: &[Received]) -> usize {
    taken.iter().filter(|message| message.to[0] == SECOND).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_in_doubt_is_sent_again_and_accepted() {
    for action in [Action::Close, Action::CloseAfterTaking, Action::Hang] {
        let inbox = scripted(for_mailbox(SECOND, 1, Phase::EndOfData, action.clone())).await;
        let config = Config::to(&inbox).timeout("end_of_data", "300ms");
        let house = House::scheduled(&config, &people(6)).await;
        house.send().await;
        let taken = inbox.stop().await;
        assert_eq!(house.count(C, "accepted").await, 6, "{action:?}");
        assert_eq!(copies(&taken), 1 + usize::from(action == Action::CloseAfterTaking));
        assert_eq!(house.recipient(C, 2).await.attempts, 2);
        judge(&house, &taken, 6).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stays_in_doubt_is_sent_in_doubt_resends_times_and_settled_so() {
    let inbox = scripted(for_mailbox(SECOND, 9, Phase::EndOfData, Action::CloseAfterTaking)).await;
    let house = House::scheduled(&Config::to(&inbox).delivery("in_doubt_resends = 2"), &people(6)).await;
    house.send().await;
    let taken = inbox.stop().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.attempts, row.due_at), ("in-doubt", 3, None));
    assert_eq!(copies(&taken), 3);
    assert_eq!(house.state(C).await.0, "finished");
    judge(&house, &taken, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hold_means_no_second_copy() {
    let inbox = scripted(for_mailbox(SECOND, 9, Phase::EndOfData, Action::CloseAfterTaking)).await;
    let house = House::scheduled(&Config::to(&inbox).delivery("in_doubt = \"hold\""), &people(6)).await;
    house.send().await;
    let taken = inbox.stop().await;
    assert_eq!((copies(&taken), house.recipient(C, 2).await.state.as_str()), (1, "in-doubt"));
    assert_eq!(house.state(C).await.0, "finished");
    judge(&house, &taken, 6).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_resend_leaves_the_recipient_in_doubt_with_that_class() {
    let inbox = scripted(|moment: Moment<'_>| match moment.step {
        Step::EndOfData { to: SECOND } if moment.seen_before == 0 => Action::CloseAfterTaking,
        Step::Rcpt { to: SECOND } if moment.seen_before == 1 => Action::reply("450 4.2.0 Mailbox is busy"),
        Step::Rcpt { to: SECOND } if moment.seen_before > 1 => Action::reply("550 5.1.1 No such user"),
        _ => Action::Default,
    })
    .await;
    let house = House::scheduled(&Config::to(&inbox), &people(3)).await;
    house.send().await;
    let row = house.recipient(C, 2).await;
    assert_eq!((row.state.as_str(), row.class.as_deref(), row.attempts), ("in-doubt", Some("bad-address"), 3));
    assert_eq!((row.due_at, house.state(C).await.0.as_str()), (None, "finished"));
    judge(&house, &inbox.stop().await, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_never_answers_the_final_dot_is_set_aside_and_nobody_is_called_accepted_or_failed() {
    let inbox = scripted(candor::smtp::inbox::script::always(Phase::EndOfData, Action::CloseAfterTaking)).await;
    let house = House::scheduled(&Config::to(&inbox), &people(30)).await;
    let mut running = house.worker(Until::Settled).await;
    running.hears(|report| matches!(report, candor::delivery::Report::RelayAside { .. })).await;
    running.stopped().await;
    let taken = inbox.stop().await;
    assert_eq!(house.count(C, "accepted").await + house.count(C, "failed").await, 0);
    assert!(taken.len() <= 12, "the relay takes five to be set aside: {}", taken.len());
    judge(&house, &taken, 30).await;
}
