// SPDX-License-Identifier: Apache-2.0
/**
 * What NIXL cannot do with objects in S3, done with the AWS SDK: list, look at, delete. There is
 * nothing to call here: with this module on the class path, stores of backend {@code OBJ} take
 * {@code delete}, {@code clear} and their {@code PageDirectory}.
 *
 * <p>It reads the OBJ plugin's own parameters, so that both reach the same bucket in the same way.
 * Without {@code access_key} it takes credentials where every AWS tool does: environment, profile,
 * container, machine.
 */
package io.hicache.s3;
