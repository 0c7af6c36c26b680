/* Tells what a system call filter says to every system call, without one of them being carried out.
 *
 * A child lays a filter of its own over the one it was given. It hands a call on to this program, which
 * answers in the kernel's place. That is weaker than a refusal (seccomp(2)), so it happens to just the
 * calls that the other filter allows; what that one refuses keeps its error. The child's own calls are
 * told apart by their sixth argument.
 *
 * Prints `ABI NUMBER FIRST VERDICT` for each: the first argument in hexadecimal, and `allow`, `EPERM`,
 * `ENOSYS`, another error number, or `-` when the machine has no such ABI.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MARK 0x5ec0de
#define X32 0x40000000L
#define ALLOWED -EXDEV
#define UNKNOWN 1

enum abi { NATIVE, X32_ABI, I386 };
static const char *const NAMES[] = {"native", "x32", "i386"};

struct call {
	enum abi abi;
	long number;
	unsigned long first;
	long result;
};

static struct {
	volatile int listener;
	int count;
	struct call calls[4096];
} *shared;

static long call64(long number, unsigned long first)
{
	register long r10 __asm__("r10") = 0;
	register long r8 __asm__("r8") = 0;
	register long r9 __asm__("r9") = MARK;
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(first), "S"(0L), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* The sixth argument is in ebp, which the compiler keeps for itself. */
static long call32(long number, unsigned long first)
{
	long result;
	__asm__ volatile("xchg %%rbp, %%rdi\n\tint $0x80\n\txchg %%rbp, %%rdi"
			 : "=a"(result)
			 : "a"(number), "b"(first), "c"(0L), "d"(0L), "S"(0L), "D"((long)MARK)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)result;
}

static void add(enum abi abi, long number, unsigned long first)
{
	shared->calls[shared->count++] = (struct call){abi, number, first, UNKNOWN};
}

/* The call, then where it looks at its first argument the values that matter and their neighbours. */
static void list(enum abi abi, long clone, long personality, long socket)
{
	for (long number = 0; number <= 600; number++)
		/* uretprobe and uprobe: since Linux 6.14 no filter sees them, and the kernel kills who calls
		 * them from elsewhere. */
		if (abi == I386 || (number != 335 && number != 336))
			add(abi, number, 0);
	add(abi, 1000, 0);
	add(abi, 100000, 0);
	for (int bit = 7; bit < 32; bit++)
		add(abi, clone, 1UL << bit);
	for (int bit = 0; bit < 32; bit++)
		add(abi, personality, 1UL << bit);
	add(abi, personality, 0x20008);
	add(abi, personality, 0xffffffff);
	add(abi, personality, 0xfffffffe);
	for (int family = 1; family < 64; family++)
		add(abi, socket, family);
}

static int listen_in(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[5])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void make_calls(void)
{
	int listener = listen_in();
	if (listener < 0)
		_exit(errno);
	shared->listener = listener;
	for (int i = 0; i < shared->count; i++) {
		struct call *call = &shared->calls[i];
		if (call->abi == I386)
			call->result = call32(call->number, call->first);
		else
			call->result = call64(call->number | (call->abi == X32_ABI ? X32 : 0), call->first);
	}
	_exit(0);
}

static void answer(int listener)
{
	struct pollfd event = {listener, POLLIN, 0};
	while (poll(&event, 1, -1) == 1 && (event.revents & POLLIN)) {
		struct seccomp_notif asked = {0};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) < 0)
			continue;
		struct seccomp_notif_resp reply = {.id = asked.id, .error = ALLOWED};
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
	}
}

static void print(const struct call *call)
{
	printf("%s %ld %lx ", NAMES[call->abi], call->number, call->first);
	switch (call->result) {
	case ALLOWED: puts("allow"); break;
	case -EPERM: puts("EPERM"); break;
	case -ENOSYS: puts("ENOSYS"); break;
	case UNKNOWN: puts("-"); break;
	default: printf("%ld\n", call->result);
	}
}

int main(void)
{
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 1;
	list(NATIVE, 56, 135, 41);
	list(X32_ABI, 56, 135, 41);
	list(I386, 120, 136, 359);
	/* The child's listener is also this process's. */
	long child = syscall(SYS_clone, CLONE_FILES | 17, 0, 0, 0, 0);
	if (child == 0)
		make_calls();
	int status;
	while (!shared->listener)
		if (waitpid(child, &status, WNOHANG) != 0)
			return 2;
		else
			usleep(1000);
	answer(shared->listener);
	waitpid(child, &status, 0);
	for (int i = 0; i < shared->count; i++)
		print(&shared->calls[i]);
	return 0;
}
