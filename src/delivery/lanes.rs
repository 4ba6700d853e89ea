//! Who is next in one campaign: claimed recipients, those of limited domains in lanes of their own, so that a slow domain
//! never holds back the others.

use std::collections::{HashMap, VecDeque};

use tokio::time::Instant;

use super::job::Job;
use super::pace::{Lane, Pace};
use crate::domain::rate::Rate;

/// Claimed recipients of one limited domain that wait in memory; more go back until their turn is near.
const LANE_JOBS_MAX: usize = 256;

/// The claimed recipients of one campaign.
#[derive(Default)]
pub struct Lanes {
    free: VecDeque<Job>,
    limited: HashMap<String, VecDeque<Job>>,
    /// The limited domains in the order of their turns.
    turns: VecDeque<String>,
}

impl Lanes {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.free.len() + self.limited.values().map(VecDeque::len).sum::<usize>()
    }

    /// How many wait whose domain has no limit of its own.
    pub fn free_len(&self) -> usize {
        self.free.len()
    }

    /// Takes in a claimed recipient; gives it back where its domain's lane is full.
    pub fn push(&mut self, job: Job, pace: &Pace) -> Result<(), Job> {
        if pace.domain_rate(&job.domain) == Rate::Unlimited {
            self.free.push_back(job);
            return Ok(());
        }
        let lane = self.lane(&job.domain);
        if lane.len() >= LANE_JOBS_MAX {
            return Err(job);
        }
        lane.push_back(job);
        Ok(())
    }

    /// Takes somebody back, before all others.
    pub fn push_front(&mut self, job: Job, pace: &Pace) {
        if pace.domain_rate(&job.domain) == Rate::Unlimited {
            self.free.push_front(job);
        } else {
            self.lane(&job.domain).push_front(job);
        }
    }

    fn lane(&mut self, domain: &str) -> &mut VecDeque<Job> {
        if !self.limited.contains_key(domain) {
            self.turns.push_back(domain.to_owned());
        }
        self.limited.entry(domain.to_owned()).or_default()
    }

    /// Puts those at the front whose domain has got a limit since they were claimed into its lane.
    pub fn sort_front(&mut self, pace: &Pace) {
        while self.free.front().is_some_and(|job| pace.domain_rate(&job.domain) != Rate::Unlimited) {
            let Some(job) = self.free.pop_front() else { return };
            self.lane(&job.domain).push_back(job);
        }
    }

    /// How many more a domain's lane takes in.
    pub fn room(&self, domain: &str) -> usize {
        LANE_JOBS_MAX.saturating_sub(self.limited.get(domain).map_or(0, VecDeque::len))
    }

    /// Whether somebody of a limited domain waits.
    pub fn has_limited(&self) -> bool {
        self.limited.values().any(|lane| !lane.is_empty())
    }

    /// The next one whose domain has no limit.
    pub fn next_free(&mut self) -> Option<Job> {
        self.free.pop_front()
    }

    /// The next one that may leave over this relay now; its permits are taken. Limited domains take turns.
    pub fn next(&mut self, campaign: &str, relay: &str, pace: &mut Pace, now: Instant) -> Option<Job> {
        for _ in 0..self.turns.len() {
            let domain = self.turns.pop_front()?;
            let lane = self.limited.get_mut(&domain).filter(|lane| !lane.is_empty());
            let Some(lane) = lane else {
                self.limited.remove(&domain);
                continue;
            };
            let may = pace.take(Lane { campaign, relay, domain: &domain }, now).is_ok();
            let job = if may { lane.pop_front() } else { None };
            self.turns.push_back(domain);
            if job.is_some() {
                return job;
            }
        }
        let domain = &self.free.front()?.domain;
        pace.take(Lane { campaign, relay, domain }, now).ok()?;
        self.free.pop_front()
    }

    /// Whether somebody could leave over this relay now, and if not, when; without taking anybody.
    pub fn ready_at(&self, campaign: &str, relay: &str, pace: &Pace, now: Instant) -> Option<Instant> {
        let domains = self.limited.iter().filter(|(_, lane)| !lane.is_empty()).map(|(domain, _)| domain.as_str());
        let domains = domains.chain(self.free.front().map(|job| job.domain.as_str()));
        domains.map(|domain| pace.ready_at(Lane { campaign, relay, domain }, now)).min()
    }

    /// Everybody out.
    pub fn drain(&mut self) -> Vec<Job> {
        let mut all: Vec<Job> = self.free.drain(..).collect();
        all.extend(self.limited.drain().flat_map(|(_, lane)| lane));
        self.turns.clear();
        all
    }

    /// Takes out those for whom `is_over` says so.
    pub fn take_if(&mut self, is_over: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut out = Vec::new();
        for lane in self.limited.values_mut().chain(std::iter::once(&mut self.free)) {
            let (over, stay) = std::mem::take(lane).into_iter().partition::<Vec<_>, _>(|job| is_over(job));
            out.extend(over);
            *lane = stay.into();
        }
        out
    }
}
