// SPDX-License-Identifier: Apache-2.0
#include "accel/trace/background_observer.hpp"

#include <utility>

namespace tilewright::accel {

using memory::TimeFs;

BackgroundObserver::BackgroundObserver(std::unique_ptr<Observer> observer, std::size_t block_records)
    : observer_(std::move(observer)), block_records_(block_records), block_(blocks_.data()) {
    for (auto& block : blocks_) block.reserve(block_records);
}

BackgroundObserver::~BackgroundObserver() {
    stop();
}

void BackgroundObserver::change_block() {
    // The thread is started with the first full block: short simulations do without.
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
    std::unique_lock lock(mutex_);
    ++filled_;
    changed_.notify_all();
    while (filled_ - told_ == block_count) tell_next(lock);
    block_ = &blocks_[filled_ % block_count];
    block_->clear();
}

void BackgroundObserver::run() {
    std::unique_lock lock(mutex_);
    while (true) {
        changed_.wait(lock, [this] { return stopping_ || (told_ < filled_ && !telling_); });
        if (stopping_) return;
        tell_next(lock);
    }
}

// Blocks are told one after the other, by whoever comes first.
void BackgroundObserver::tell_next(std::unique_lock<std::mutex>& lock) {
    if (telling_) {
        changed_.wait(lock, [this] { return !telling_; });
        return;
    }
    telling_ = true;
    // After an error the rest is dropped; finish() tells of it.
    if (error_ == nullptr) {
        const auto& block = blocks_[told_ % block_count];
        lock.unlock();
        std::exception_ptr error;
        try {
            tell(block);
        } catch (...) {
            error = std::current_exception();
        }
        lock.lock();
        error_ = error;
    }
    ++told_;
    telling_ = false;
    changed_.notify_all();
}

void BackgroundObserver::tell(const Block& block) {
    for (const auto& [time, value, instruction, index, call] : block) {
        switch (call) {
            case Call::work:
                observer_->work(time, value, index, *instruction);
                break;
            case Call::worked:
                observer_->worked(time, index);
                break;
            case Call::stall:
                observer_->stall(time, index, static_cast<StallCause>(value));
                break;
            case Call::idle:
                observer_->idle(time, index);
                break;
            case Call::buffer_fill:
                observer_->buffer_fill(time, static_cast<Buffer>(index), value);
                break;
            case Call::section:
                observer_->section(time, index, value);
                break;
        }
    }
}

void BackgroundObserver::stop() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    thread_.join();
}

void BackgroundObserver::finish(TimeFs time) {
    {
        std::unique_lock lock(mutex_);
        while (told_ < filled_) tell_next(lock);
    }
    stop();
    if (error_ != nullptr) std::rethrow_exception(error_);
    tell(*block_);
    observer_->finish(time);
}

}  // namespace tilewright::accel
