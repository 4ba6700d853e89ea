//! `candor demo`
