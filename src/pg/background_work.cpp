#include "pg/background_work.hpp"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>
#include <system_error>
#include <thread>

#include "pg/errors.hpp"
#include "pg/headers.hpp"
#include "pg/model_settings.hpp"

extern "C" {
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "utils/wait_event.h"
}

namespace analytics::pg {
namespace {

// How often progress is looked at; an interrupt and the end of the computation are seen at once.
constexpr long kLook = 50;  // ms

// What the computation's thread says when it is done, through a descriptor that the latch's wait can watch.
class DoneSign {
public:
    DoneSign() : descriptor_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
        if (descriptor_ < 0) {
            throw std::system_error(errno, std::generic_category(), "could not make an eventfd");
        }
    }
    ~DoneSign() { close(descriptor_); }
    DoneSign(const DoneSign&) = delete;
    DoneSign& operator=(const DoneSign&) = delete;

    int descriptor() const { return descriptor_; }
    void give() const { eventfd_write(descriptor_, 1); }

private:
    int descriptor_;
};

// What pg_stat_activity shows of this backend, put back at the end. Nothing here raises an error.
class Activity {
public:
    ~Activity() {
        if (changed_) {
            pgstat_report_activity(STATE_RUNNING, before_.c_str());
            pgstat_report_query_id(query_id_, true);
        }
    }

    void show(const std::string& progress) {
        if (MyBEEntry == nullptr || MyBEEntry->st_state != STATE_RUNNING) {
            return;
        }
        if (!changed_) {
            before_ = MyBEEntry->st_activity_raw;
            query_id_ = pgstat_get_my_query_id();
            changed_ = true;
        }
        pgstat_report_activity(STATE_RUNNING, ("analytics: " + progress).c_str());
    }

private:
    bool changed_ = false;
    std::string before_;
    decltype(pgstat_get_my_query_id()) query_id_ = 0;
};

// The computation while it runs. Where it goes, the thread has ended.
class Running {
public:
    Running(const std::function<void(models::Task&)>& work, models::Task& task) : task_(task) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);  // a thread begins with the mask of whoever starts it
        try {
            thread_ = std::thread([this, &work] {
                try {
                    work(task_);
                } catch (...) {
                    failure_ = std::current_exception();
                }
                done_.give();
            });
        } catch (...) {
            pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        current_ = this;
    }
    ~Running() { stop(); }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

    void stop() noexcept {
        if (thread_.joinable()) {
            task_.cancel();
            thread_.join();
        }
        current_ = nullptr;
    }

    int sign() const { return done_.descriptor(); }

    // After the sign was given.
    void finish() {
        thread_.join();
        current_ = nullptr;
        if (failure_ != nullptr) {
            std::rethrow_exception(failure_);
        }
    }

    // A FATAL error and the postmaster's death end the process without passing here: exit() would pull the ground
    // from under the threads.
    static void stop_at_exit(int /*code*/, Datum /*argument*/) {
        if (current_ != nullptr) {
            current_->stop();
        }
    }

private:
    static inline Running* current_ = nullptr;

    models::Task& task_;
    DoneSign done_;
    std::exception_ptr failure_;  // the thread's until it gives the sign
    std::thread thread_;
};

void watch_exit() {
    static bool watched = false;
    if (!watched) {
        protect([] { before_shmem_exit(Running::stop_at_exit, 0); });
        watched = true;
    }
}

}  // namespace

void run_in_background(const std::function<void(models::Task&)>& work) {
    watch_exit();
    models::Task task(max_threads(), model_memory());
    Activity activity;
    try {
        Running running(work, task);
        std::string progress;
        for (;;) {
            const int events = protect([&] {
                return WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
                                         running.sign(), kLook, PG_WAIT_EXTENSION);
            });
            if ((events & WL_SOCKET_READABLE) != 0) {
                running.finish();
                return;
            }
            if ((events & WL_LATCH_SET) != 0) {
                ResetLatch(MyLatch);
            }
            check_for_interrupts();
            if (task.take_progress(progress)) {
                activity.show(progress);
            }
        }
    } catch (const std::system_error& error) {
        fail(ERRCODE_INSUFFICIENT_RESOURCES, "could not start a thread for the model", error.what(),
             "The limits of processes and of open files of the server's user may be too low.");
    }
}

}  // namespace analytics::pg
