//! The region tier of hosts that have none.

use brolga_core::Env;
use brolga_ir::{HostExit, Installed, Region, RegionBackend};

/// A region back end of which there is no value.
#[derive(Clone, Copy, Debug)]
pub enum NoRegions {}

impl RegionBackend for NoRegions {
    type Compiled = NoRegions;
    type Block = NoRegions;

    fn compile(&self, _: &Region) -> Result<NoRegions, String> {
        match *self {}
    }

    fn compile_block(&self, _: &dyn std::any::Any, _: std::ops::Range<u64>) -> Result<NoRegions, String> {
        match *self {}
    }

    fn leads_to(block: &NoRegions) -> &[u64] {
        match *block {}
    }

    fn join(&self, _: &[NoRegions]) -> Option<NoRegions> {
        match *self {}
    }

    fn set_count(&self, _: u32, _: u32) {
        match *self {}
    }

    fn count(&self, _: u32) -> u32 {
        match *self {}
    }

    fn lead(&self, _: u32, _: u64) {
        match *self {}
    }

    fn listing(&self, _: &Region) -> Result<brolga_ir::Listing, String> {
        match *self {}
    }

    fn install(&self, code: NoRegions) -> Result<Installed, NoRegions> {
        match code {}
    }

    fn prepare(&self, _: &mut Env) {
        match *self {}
    }

    fn enter(&self, _: u64, _: &mut Env) -> HostExit {
        match *self {}
    }

    fn link(&self, _: u32, _: u64) {
        match *self {}
    }

    fn unlink(&self, _: u32) {
        match *self {}
    }

    fn remove(&self, _: u64) {
        match *self {}
    }

    fn release(&self, _: u64) {
        match *self {}
    }

    fn outdated(&self) -> bool {
        match *self {}
    }

    fn forked(&self) {
        match *self {}
    }

    fn has_child(&self) {
        match *self {}
    }
}
