// SPDX-License-Identifier: Apache-2.0
/**
 * What NIXL cannot do with objects in S3, done with the AWS SDK: list, look at, delete. There is
 * nothing to call here: with this module on the class path, stores of backend {@code OBJ} take
 * {@code delete}, {@code clear} and their {@code PageDirectory}.
 *
 * <p>It reads the OBJ plugin's own parameters, so that both reach the same bucket in the same way.
 * Without {@code access_key} it takes credentials where every AWS tool does: environment, profile,
 * container, machine.
 *
 * <p>At level DEBUG the loggers of {@code software.amazon.awssdk} show what the SDK sends, a
 * session token among it: leave them at INFO or above.
 */
package io.hicache.s3;
