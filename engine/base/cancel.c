#include "timbre/cancel.h"

void timbre_cancel_request(timbre_cancel *cancel)
{
    __atomic_store_n(&cancel->requested, 1, __ATOMIC_RELAXED);
}

void timbre_cancel_reset(timbre_cancel *cancel)
{
    __atomic_store_n(&cancel->requested, 0, __ATOMIC_RELAXED);
}

int timbre_cancel_is_requested(const timbre_cancel *cancel)
{
    return __atomic_load_n(&cancel->requested, __ATOMIC_RELAXED);
}
