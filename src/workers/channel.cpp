#include "workers/channel.hpp"

#include <csignal>
#include <cstdio>
#include <new>

#include "pg/errors.hpp"
#include "workers/executor.hpp"
#include "workers/processes.hpp"

extern "C" {
#include "storage/shm_toc.h"
}

namespace analytics::workers {
namespace {

constexpr std::uint64_t kMagic = 0x616e616c79746963;
constexpr std::size_t kQueueSize = 256 * 1024;
enum Key : std::uint64_t { words_key, tasks_key, answers_key };

// The segment with its queues, in which this process writes tasks and reads answers.
dsm_segment* make_segment(Oid database, Oid role) {
    shm_toc_estimator estimator;
    shm_toc_initialize_estimator(&estimator);
    shm_toc_estimate_chunk(&estimator, sizeof(ChannelWords));
    shm_toc_estimate_chunk(&estimator, kQueueSize);
    shm_toc_estimate_chunk(&estimator, kQueueSize);
    shm_toc_estimate_keys(&estimator, 3);
    const std::size_t size = shm_toc_estimate(&estimator);
    dsm_segment* const segment = dsm_create(size, 0);
    shm_toc* const toc = shm_toc_create(kMagic, dsm_segment_address(segment), size);
    auto* const words = new (shm_toc_allocate(toc, sizeof(ChannelWords))) ChannelWords{};
    words->database = database;
    words->role = role;
    shm_toc_insert(toc, words_key, words);
    shm_mq* const tasks = shm_mq_create(shm_toc_allocate(toc, kQueueSize), kQueueSize);
    shm_mq* const answers = shm_mq_create(shm_toc_allocate(toc, kQueueSize), kQueueSize);
    shm_mq_set_sender(tasks, MyProc);
    shm_mq_set_receiver(answers, MyProc);
    shm_toc_insert(toc, tasks_key, tasks);
    shm_toc_insert(toc, answers_key, answers);
    return segment;
}

template <typename Found>
Found* look_up(dsm_segment* segment, Key key) {
    shm_toc* const toc = shm_toc_attach(kMagic, dsm_segment_address(segment));
    if (toc == nullptr) {
        elog(ERROR, "the channel to the gateway is none");
    }
    return static_cast<Found*>(shm_toc_lookup(toc, key, false));
}

}  // namespace

bool ExecutorLink::start(Oid database, Oid role, int number) {
    bool found_slot = false;
    pg::protect([&] {
        MemoryContext const caller = MemoryContextSwitchTo(TopMemoryContext);
        dsm_segment* const segment = make_segment(database, role);
        worker_ = register_executor(dsm_segment_handle(segment), number);
        if (worker_ == nullptr) {
            dsm_detach(segment);
        } else {
            segment_ = segment;
            words_ = look_up<ChannelWords>(segment, words_key);
            tasks_ = shm_mq_attach(look_up<shm_mq>(segment, tasks_key), segment, worker_);
            answers_ = shm_mq_attach(look_up<shm_mq>(segment, answers_key), segment, worker_);
            found_slot = true;
        }
        MemoryContextSwitchTo(caller);
    });
    sending_ = false;
    return found_slot;
}

ExecutorLink::Health ExecutorLink::health() const {
    pid_t pid = 0;
    switch (GetBackgroundWorkerPid(worker_, &pid)) {
        case BGWH_STARTED:
            return words_->connected ? Health::running : Health::starting;
        case BGWH_NOT_YET_STARTED:
            return Health::starting;
        default:
            return Health::ended;
    }
}

pid_t ExecutorLink::pid() const {
    pid_t pid = 0;
    return worker_ != nullptr && GetBackgroundWorkerPid(worker_, &pid) == BGWH_STARTED ? pid : 0;
}

void ExecutorLink::send(std::string message) {
    message_ = std::move(message);
    sending_ = true;
}

bool ExecutorLink::flush() {
    if (!sending_) {
        return true;
    }
    const shm_mq_result result =
        pg::protect([&] { return shm_mq_send(tasks_, message_.size(), message_.data(), true, true); });
    if (result == SHM_MQ_SUCCESS) {
        sending_ = false;
        std::string().swap(message_);
    }
    return result != SHM_MQ_DETACHED;
}

std::optional<std::string_view> ExecutorLink::receive(bool& gone) {
    Size size = 0;
    void* data = nullptr;
    const shm_mq_result result = pg::protect([&] { return shm_mq_receive(answers_, &size, &data, true); });
    gone = result == SHM_MQ_DETACHED;
    return result == SHM_MQ_SUCCESS ? std::optional(std::string_view(static_cast<const char*>(data), size))
                                    : std::nullopt;
}

void ExecutorLink::cancel(std::uint64_t id) {
    words_->cancelled = id;
    if (const pid_t process = pid(); process != 0) {
        kill(process, SIGINT);
    }
}

void ExecutorLink::tell_to_stop() { TerminateBackgroundWorker(worker_); }

void ExecutorLink::drop() {
    if (segment_ == nullptr) {
        return;
    }
    pg::protect([&] {
        shm_mq_detach(tasks_);
        shm_mq_detach(answers_);
        dsm_detach(segment_);
        pfree(worker_);
    });
    segment_ = nullptr;
    worker_ = nullptr;
    tasks_ = answers_ = nullptr;
    words_ = nullptr;
    sending_ = false;
    std::string().swap(message_);
}

void ExecutorLink::terminate() {
    if (worker_ != nullptr) {
        TerminateBackgroundWorker(worker_);
    }
    drop();
}

ExecutorEnd attach_channel(dsm_handle handle) {
    dsm_segment* const segment = dsm_attach(handle);
    if (segment == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("the gateway is gone")));
    }
    shm_mq* const tasks = look_up<shm_mq>(segment, tasks_key);
    shm_mq* const answers = look_up<shm_mq>(segment, answers_key);
    shm_mq_set_receiver(tasks, MyProc);
    shm_mq_set_sender(answers, MyProc);
    return {segment, look_up<ChannelWords>(segment, words_key), shm_mq_attach(tasks, segment, nullptr),
            shm_mq_attach(answers, segment, nullptr)};
}

}  // namespace analytics::workers
